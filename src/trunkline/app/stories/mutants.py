"""Mutants of a story's fixture: one rule switched off each, by data that an operator could set or by feeding input wrongly.

A mutant that passes means that the story would not notice if the rule were lost.
"""

import msgspec

from trunkline.app.stories.client import ACCOUNT
from trunkline.app.stories.fixture import Fixture
from trunkline.kernel.errors import NotFound

_CYCLE = f"{ACCOUNT}/billingCycleSpecification/monthly-1"

SWITCHES: dict[str, dict[str, object]] = {
    "proration": {"policies": {_CYCLE: {"prorationPolicy": "full"}}},
    "activation_date": {"policies": {_CYCLE: {"billingStart": "order"}}},
    "double_feeding": {"feed_as_new": True},
}
"""Mutant → what is set in the fixture's values. `policies` are changes of records over the API; `feed_as_new` gives the
sessions of a file that is fed again other names, which is what feeding without recognising records comes to."""


def apply_mutant(fixture: Fixture, name: str) -> Fixture:
    """The fixture with the mutant's switch in its values. Raises NotFound for an unknown mutant."""
    if name not in fixture.mutants:
        raise NotFound("unknownMutant", f"{fixture.story} has no mutant {name!r}.", allowed=tuple(fixture.mutants))
    return msgspec.structs.replace(fixture, values={**fixture.values, **SWITCHES[name]})

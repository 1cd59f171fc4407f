"""Mutants of a story's fixture: one rule switched off each, by data that an operator could set or by feeding input wrongly.

A mutant that passes means that the story would not notice if the rule were lost.
"""

import msgspec

from trunkline.app.stories.fixture import Fixture
from trunkline.kernel.errors import NotFound


def apply_mutant(fixture: Fixture, name: str) -> Fixture:
    """The fixture with the mutant's switch in its values. Raises NotFound for an unknown mutant."""
    if name not in fixture.mutants:
        raise NotFound("unknownMutant", f"{fixture.story} has no mutant {name!r}.", allowed=tuple(fixture.mutants))
    return msgspec.structs.replace(fixture, values={**fixture.values, "mutant": name})

"""A story's fixture: its inputs, every figure it must come to, and its mutants, in one TOML file."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

import msgspec

from trunkline.kernel.errors import NotFound


class Mutant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule switched off. A mutant that passes means that the story would not notice if the rule were lost.

    switch_off  the rule, in words
    must_break  the figure that must come out wrong
    values      set over the fixture's inputs: `policies` are changes of records over the API (path → merge patch), what an
                operator could set too; `feed_as_new` gives what is fed again other names, as if it were not recognised
    """

    switch_off: str
    must_break: str
    values: dict[str, Any]


class Fixture(msgspec.Struct, frozen=True, kw_only=True):
    """The parsed file. `expect` holds the figures by name."""

    story: str
    title: str
    values: dict[str, Any]
    expect: dict[str, Any]
    mutants: dict[str, Mutant]

    def with_mutant(self, name: str) -> "Fixture":
        """With the mutant's values over the inputs. Raises NotFound for an unknown mutant."""
        if name not in self.mutants:
            known = ", ".join(self.mutants)
            raise NotFound(
                "unknownMutant", f"{self.story} has no mutant {name!r}. It has {known}.", allowed=tuple(self.mutants)
            )
        return msgspec.structs.replace(self, values={**self.values, **self.mutants[name].values})


def load(story: str) -> Fixture:
    """The fixture of a story by its name, as "S1"."""
    return parse((resources.files(__package__) / "fixtures" / f"{story}.toml").read_text("utf-8"))


def parse(text: str) -> Fixture:
    """A fixture from its TOML text."""
    values = tomllib.loads(text)
    return Fixture(
        story=values.pop("story"),
        title=values.pop("title"),
        expect=values.pop("expect"),
        mutants=msgspec.convert(values.pop("mutant", {}), dict[str, Mutant]),
        values=values,
    )


def differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """What does not agree, one line each; every expected figure must be there."""
    return [
        f"{name}: expected {value}, got {actual.get(name, 'nothing')}"
        for name, value in expected.items()
        if actual.get(name) != value
    ]

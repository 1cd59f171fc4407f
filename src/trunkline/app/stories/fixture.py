"""A story's fixture: its inputs and every figure it must come to, in one TOML file."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

import msgspec


class Fixture(msgspec.Struct, frozen=True, kw_only=True):
    """The parsed file. `expect` holds the figures by name; `mutants` the rules that, switched off, must be noticed."""

    story: str
    title: str
    values: dict[str, Any]
    expect: dict[str, Any]
    mutants: dict[str, dict[str, str]]


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
        mutants=values.pop("mutant", {}),
        values=values,
    )


def differences(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """What does not agree, one line each; every expected figure must be there."""
    return [
        f"{name}: expected {value}, got {actual.get(name, 'nothing')}"
        for name, value in expected.items()
        if actual.get(name) != value
    ]

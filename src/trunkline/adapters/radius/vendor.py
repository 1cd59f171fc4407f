"""Speed profiles in the words of each vendor: templates are data, in `vendors/*.toml`.

A template's `value` may name {profile}, {downstream_bit_s}, {upstream_bit_s}, {downstream_kbit_s}, {upstream_kbit_s}; an
attribute is left out when the subscriber lacks what it names. `max` is the highest number the attribute can hold; more is
sent as `max`, for a 5 Gbit/s line in a 32-bit field is better capped than wrapped.
"""

import string
import tomllib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.oss.activation.aaa import Subscriber

DEFAULT_VENDOR = "wispr"


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One attribute: its RADIUS name and how its value is made."""

    name: str
    value: str
    max: int | None = None


class Vendor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one kind of access server is told a subscriber's speeds."""

    title: str
    attribute: tuple[Template, ...]

    def attributes(self, subscriber: Subscriber) -> dict[str, list[str]]:
        """The attributes that carry the subscriber's speeds; several values where a name is used several times."""
        facts = _facts(subscriber)
        found: dict[str, list[str]] = {}
        for template in self.attribute:
            named = {name for _, name, _, _ in string.Formatter().parse(template.value) if name}
            if named <= facts.keys():
                value = template.value.format_map(facts)
                if template.max is not None:
                    value = str(min(int(value), template.max))
                found.setdefault(template.name, []).append(value)
        return found


def vendors() -> list[str]:
    """The names of the vendors there are templates for."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


@cache
def vendor(name: str) -> Vendor:
    """The templates of that name. Raises Invalid that lists the known ones."""
    if name not in vendors():
        raise Invalid("unknownVendor", f"There are no templates for {name!r}.", path="$.vendor", allowed=vendors())
    return msgspec.convert(tomllib.loads(_folder().joinpath(f"{name}.toml").read_text("utf-8")), Vendor)


def _folder() -> Traversable:
    return files("trunkline.adapters.radius").joinpath("vendors")


def _facts(subscriber: Subscriber) -> dict[str, str | int]:
    facts: dict[str, str | int] = {}
    if subscriber.profile is not None:
        facts["profile"] = subscriber.profile
    for name, speed in (("downstream", subscriber.downstream_bit_s), ("upstream", subscriber.upstream_bit_s)):
        if speed is not None:
            facts[f"{name}_bit_s"] = speed
            facts[f"{name}_kbit_s"] = speed // 1000
    return facts

"""Quantities: integers with a unit. Decimal multiples (GB = 10⁹ octets), as tariffs are written."""

from enum import StrEnum

import msgspec

from trunkline.kernel.errors import Invalid


class Unit(StrEnum):
    """Base units in which usage is counted."""

    OCTET = "octet"
    SECOND = "second"
    MESSAGE = "message"
    EVENT = "event"


MULTIPLES: dict[str, tuple[Unit, int]] = {
    "octet": (Unit.OCTET, 1),
    "kB": (Unit.OCTET, 10**3),
    "MB": (Unit.OCTET, 10**6),
    "GB": (Unit.OCTET, 10**9),
    "TB": (Unit.OCTET, 10**12),
    "second": (Unit.SECOND, 1),
    "minute": (Unit.SECOND, 60),
    "hour": (Unit.SECOND, 3600),
    "message": (Unit.MESSAGE, 1),
    "event": (Unit.EVENT, 1),
}
"""Names a price or a document may use, with the base unit and how many of it they hold."""


class Quantity(msgspec.Struct, frozen=True):
    """A whole number of base units."""

    value: int
    unit: Unit

    @classmethod
    def of(cls, number: int, name: str) -> "Quantity":
        """`Quantity.of(3, "GB")` is 3·10⁹ octets. Raises Invalid for an unknown unit."""
        unit, size = multiple(name)
        return cls(number * size, unit)

    def __add__(self, other: "Quantity") -> "Quantity":
        if other.unit != self.unit:
            raise Invalid("unitMismatch", f"{self.unit} and {other.unit} cannot be added.")
        return Quantity(self.value + other.value, self.unit)


def multiple(name: str, path: str = "$.units") -> tuple[Unit, int]:
    """The base unit and factor of a unit's name. Raises Invalid that lists the known names."""
    if name not in MULTIPLES:
        raise Invalid("unknownUnit", f"{name!r} is not a known unit.", path=path, allowed=tuple(MULTIPLES))
    return MULTIPLES[name]

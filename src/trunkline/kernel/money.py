"""Money in two exact scales and the only places where one becomes the other.

* `Money`: whole minor units (cents) plus currency. Documents, postings, ledgers.
* `Micros`: 10⁻⁶ of a currency unit plus currency. Rated charges; a 5-second record would vanish in cents.

`Decimal` appears only inside price arithmetic. A document rounds once per line, with `Money.rounded`.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Self

import msgspec

from trunkline.kernel.errors import Invalid

MICROS_PER_UNIT = 1_000_000

_DECIMALS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3}
"""ISO 4217 currencies whose minor unit is not a hundredth, of those operators bill in; all others have two decimals."""


def decimals_of(currency: str) -> int:
    """Number of decimals of the currency's minor unit (ISO 4217)."""
    return _DECIMALS.get(currency, 2)


def round_half_up(value: Decimal, decimals: int = 0) -> Decimal:
    """Round to `decimals` places, halves away from zero: 0.125 → 0.13, -0.125 → -0.13 (commercial rounding)."""
    with localcontext() as arithmetic:
        arithmetic.prec = 60
        return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def parse_amount(text: str | int | Decimal, path: str) -> Decimal:
    """A finite decimal from a document's text. Raises Invalid with `path`; a float is refused by its type."""
    try:
        value = Decimal("NaN" if isinstance(text, float) else text)  # a document decoded without care brings floats
    except (InvalidOperation, TypeError, ValueError):
        value = Decimal("NaN")
    if not value.is_finite():
        raise Invalid("invalidAmount", "An amount must be a finite decimal number.", path=path)
    return value


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount of whole minor units in one currency."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Self:
        """Money from a decimal amount that is exact in the currency; raises Invalid when it has too many decimals."""
        scaled = parse_amount(amount, "$.value").scaleb(decimals_of(currency))
        if scaled != scaled.to_integral_value():
            raise Invalid(
                "invalidAmount", f"{amount} is not a whole number of minor units of {currency}.", path="$.value"
            )
        return cls(int(scaled), currency)

    @classmethod
    def rounded(cls, amount: Decimal, currency: str) -> Self:
        """Money from any decimal amount, rounded half up once: the one rounding of a document line."""
        return cls(int(round_half_up(amount.scaleb(decimals_of(currency)))), currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(0, currency)

    @property
    def amount(self) -> Decimal:
        """The amount in currency units, with the currency's decimals: Money(12040, "EUR").amount is 120.40."""
        return Decimal(self.minor).scaleb(-decimals_of(self.currency))

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other).minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._same(other).minor

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise Invalid("currencyMismatch", f"{self.currency} and {other.currency} cannot be combined.")
        return other


class Micros(msgspec.Struct, frozen=True):
    """An amount of 10⁻⁶ currency units: the scale of rated charges."""

    micros: int
    currency: str

    @classmethod
    def rounded(cls, amount: Decimal, currency: str) -> Self:
        """Micros from any decimal amount in currency units, rounded half up once."""
        return cls(int(round_half_up(amount * MICROS_PER_UNIT)), currency)


def allocate(total: Money, weights: Sequence[int]) -> list[Money]:
    """Split `total` in proportion to `weights` so that the parts sum to it exactly.

    Largest remainder, ties to the earlier part. Raises Invalid for no, negative or all-zero weights.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise Invalid("invalidWeights", "Allocation needs at least one positive weight and no negative one.")
    sign = -1 if total.minor < 0 else 1
    size = abs(total.minor)
    parts = [size * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % whole), i))
    for i in by_remainder[: size - sum(parts)]:
        parts[i] += 1
    return [Money(sign * part, total.currency) for part in parts]

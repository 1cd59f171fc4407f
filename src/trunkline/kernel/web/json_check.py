"""JSON that can be kept: refused are what PostgreSQL or arithmetic could not hold, and what readers understand differently.

NUL and halves of surrogate pairs in text, whole numbers beyond 64 bits, numbers of absurd size, NaN and infinities, nesting
without end, and names that come twice in an object: RFC 8259 leaves open which of them counts, so that a gateway before us
may have checked the other.
"""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

from trunkline.kernel.errors import Invalid

DEPTH_MAX = 64
DECIMAL_DIGITS_MAX = 40
_WHOLE_DIGITS_MAX = 19  # of 64 bits

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKET = re.compile(rb"[^\[\]{}]+")
_DOUBTFUL_TEXT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def check_json(raw: bytes) -> None:
    """Refuse what is not JSON, or cannot be kept. Raises Invalid with the path of the field.

    A good body is scanned once, in C but for one short call an object; only a doubtful one is taken apart for the path.
    """
    _check_depth(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Invalid("malformedJson", "The body is not UTF-8.", path="$") from error
    try:
        if "\\u" not in text or _DOUBTFUL_TEXT.search(text) is None:
            _scanner.decode(text)
            return
    except _Doubtful:
        pass
    except ValueError as error:
        raise _malformed(error) from error
    try:
        members = _apart.decode(text)
    except ValueError as error:
        raise _malformed(error) from error
    _walk(members, "$")


def is_storable(number: Decimal) -> bool:
    """Whether the number is finite and of a size that money and quantities can have."""
    _, digits, exponent = number.as_tuple()
    return isinstance(exponent, int) and len(digits) + abs(exponent) <= DECIMAL_DIGITS_MAX


def out_of_range(path: str) -> Invalid:
    """The error for a number that is no money and no quantity."""
    return Invalid("numberOutOfRange", f"A number has at most {DECIMAL_DIGITS_MAX} digits.", path=path)


def _malformed(error: ValueError) -> Invalid:
    return Invalid("malformedJson", "The body is not JSON.", message=f"{str(error)[:200]}.", path="$")


class _Doubtful(Exception):
    """Something to look at closely."""


class _Members(list[tuple[str, Any]]):
    """An object's members in their order, with names that come twice."""


class _Whole(str):
    """A whole number's text."""

    __slots__ = ()


class _Fraction(str):
    """The text of a number with a fraction or an exponent."""

    __slots__ = ()


class _Constant(str):
    """NaN, Infinity or -Infinity."""

    __slots__ = ()


def _members(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len(dict(pairs)) != len(pairs):
        raise _Doubtful


def _whole(text: str) -> None:
    if len(text) >= _WHOLE_DIGITS_MAX:
        raise _Doubtful


def _fraction(text: str) -> None:
    if 2 * len(text) > DECIMAL_DIGITS_MAX or "e" in text or "E" in text:
        raise _Doubtful


def _constant(text: str) -> NoReturn:
    raise _Doubtful(text)


_scanner = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_whole, parse_float=_fraction, parse_constant=_constant
)
_apart = json.JSONDecoder(object_pairs_hook=_Members, parse_int=_Whole, parse_float=_Fraction, parse_constant=_Constant)


def _check_depth(raw: bytes) -> None:
    if raw.count(b"{") + raw.count(b"[") <= DEPTH_MAX:
        return
    brackets = _NOT_BRACKET.sub(b"", _STRINGS.sub(b"", raw))
    for _ in range(DEPTH_MAX):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return
    raise Invalid("tooDeep", f"A body nests at most {DEPTH_MAX} levels, each of them closed.", path="$")


def _walk(value: Any, path: str) -> None:
    if isinstance(value, _Members):
        named: set[str] = set()
        for name, item in value:
            _check_text(name, path)
            if name in named:
                raise Invalid(
                    "duplicateName",
                    f"{name[:80]!r} comes twice in one object.",
                    path=f"{path}.{name[:80]}",
                    hint="Send each attribute once.",
                )
            named.add(name)
            _walk(item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(item, f"{path}[{index}]")
    elif isinstance(value, _Constant):
        raise Invalid("malformedJson", f"{value} is not a JSON number.", path=path)
    elif isinstance(value, _Whole):
        if len(value) > _WHOLE_DIGITS_MAX + 1 or not -(1 << 63) <= int(value) < 1 << 63:
            raise Invalid("numberOutOfRange", "A whole number has at most 64 bits.", path=path)
    elif isinstance(value, _Fraction):
        if not is_storable(Decimal(value)):
            raise out_of_range(path)
    elif isinstance(value, str):
        _check_text(value, path)


def _check_text(text: str, path: str) -> None:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid(
            "invalidText",
            "Text cannot hold the character NUL or half of a surrogate pair.",
            path=path,
            hint="Leave the character out.",
        )

"""The request's body: received with a limit, checked before anything decodes it, decoded with the field named on error.

What the database or the arithmetic could not hold is refused here, once for all endpoints: NUL and lone surrogates in
text, integers beyond 64 bits, decimals with absurd exponents, nesting without end.
"""

import re
from collections.abc import AsyncIterable, Iterable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from trunkline.kernel.errors import Invalid, TooLarge

SIZE_MAX = 1 << 20
DEPTH_MAX = 64
DECIMAL_DIGITS_MAX = 40

_T = TypeVar("_T")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKET = re.compile(rb"[^\[\]{}]+")
_BIG_NUMBER = re.compile(rb"\d{19}|\d[eE][+-]?\d{2}|[nN][aA][nN]|[iI][nN][fF]")
_AT = re.compile(r"^(?P<text>.*?)(?: - at `(?:key in )?(?P<path>\$[^`]*)`)?$", re.DOTALL)
_FIELD = re.compile(r"(?:missing required|contains unknown) field `(?P<name>[^`]*)`")


async def receive(stream: AsyncIterable[bytes], declared: str | None, limit: int = SIZE_MAX) -> bytes:
    """The whole body, counted while it comes in: a false or missing Content-Length changes nothing. Raises TooLarge."""
    if declared is not None and declared.isascii() and declared.isdigit() and int(declared[:18]) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def check_json(raw: bytes) -> None:
    """Refuse JSON that PostgreSQL or arithmetic cannot hold. Raises Invalid with the path of the field.

    The common body pays only for a few searches in C; a tree is walked only when one of them found something.
    """
    _check_depth(raw)
    if b"\\u0000" in raw or _BIG_NUMBER.search(raw):
        _walk(decode_json(raw), "$")


def decode_json(raw: bytes, type_: Any = Any) -> Any:
    """Decode without the checks above. Raises Invalid with a JSONPath."""
    try:
        return msgspec.json.decode(raw, type=type_)
    except msgspec.ValidationError as error:
        raise invalid_field(error) from error
    except UnicodeDecodeError as error:
        raise Invalid("malformedJson", "The body is not UTF-8.", path="$") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid("malformedJson", "The body is not JSON.", message=str(error), path="$") from error


def decode_body(raw: bytes, type_: type[_T]) -> _T:
    """A checked body as `type_`. Raises Invalid with the JSONPath of the wrong field."""
    check_json(raw)
    value: _T = decode_json(raw, type_)
    if _BIG_NUMBER.search(raw):
        _check_decimals(value, "$")
    return value


def invalid_field(error: msgspec.ValidationError) -> Invalid:
    """msgspec's message "Expected `int`, got `str` - at `$.x`" as our error with path `$.x`."""
    match = _AT.match(str(error))
    text, path = (match["text"], match["path"] or "$") if match else (str(error), "$")
    path = path.replace("[...]", "[*]")  # msgspec does not say which key of an open object it was
    field = _FIELD.search(text)
    if field:
        path = f"{path}.{field['name']}"
    code = "invalidValue"
    if field:
        code = "missingField" if "missing" in text else "unknownField"
    return Invalid(code, f"{text}.", path=path)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        "bodyTooLarge",
        f"A body has at most {limit} bytes here.",
        hint="Send less at a time, or use an import for many records.",
    )


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
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise _out_of_range(path, "a whole number of 64 bits")
    elif isinstance(value, float) and abs(value) > 1e40:
        raise _out_of_range(path, f"a number of at most {DECIMAL_DIGITS_MAX} digits")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, path)
            _walk(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(item, f"{path}[{index}]")


def _check_text(text: str, path: str) -> None:
    if "\x00" in text:
        raise Invalid("invalidText", "Text cannot hold the character NUL.", path=path, hint="Leave the character out.")


def _check_decimals(value: Any, path: str) -> None:
    """Decimals come from numbers and from strings alike, so they are looked at after decoding."""
    for name, item in _children(value):
        where = f"{path}{name}"
        if isinstance(item, Decimal):
            if not item.is_finite() or abs(item.adjusted()) > DECIMAL_DIGITS_MAX or _places(item) > DECIMAL_DIGITS_MAX:
                raise _out_of_range(where, f"a number of at most {DECIMAL_DIGITS_MAX} digits")
        else:
            _check_decimals(item, where)


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return len(number.as_tuple().digits) + (abs(exponent) if isinstance(exponent, int) else 0)


def _children(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, msgspec.Struct):
        return [(f".{name}", getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, dict):
        return [(f".{name}", item) for name, item in value.items()]
    if isinstance(value, list | tuple | set | frozenset):
        return [(f"[{index}]", item) for index, item in enumerate(value)]
    return ()


def _out_of_range(path: str, wanted: str) -> Invalid:
    return Invalid("numberOutOfRange", f"The number is out of range; wanted is {wanted}.", path=path)

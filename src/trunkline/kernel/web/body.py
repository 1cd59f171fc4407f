"""The request's body: received with a limit, and decoded with the field named on error. What JSON may hold is checked in
`json_check`, before anything decodes it."""

import re
from collections.abc import AsyncIterable, Iterable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from trunkline.kernel.errors import Invalid, TooLarge, UnsupportedMediaType
from trunkline.kernel.web.json_check import is_storable, out_of_range

SIZE_MAX = 1 << 20

_T = TypeVar("_T")
_AT = re.compile(r"^(?P<text>.*?)(?: - at `(?:key in )?(?P<path>\$[^`]*)`)?$", re.DOTALL)
_FIELD = re.compile(r"(?:missing required|contains unknown) field `(?P<name>[^`]*)`")


def check_coding(coding: str | None) -> None:
    """Refuse a compressed body: what it grows to would have to be limited too. Raises UnsupportedMediaType."""
    if coding is not None and coding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType(
            "unsupportedCoding",
            f"A body cannot be sent as {coding[:40]!r}.",
            path="Content-Encoding",
            hint="Send it without Content-Encoding.",
            allowed=("identity",),
        )


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


def decode_json(raw: bytes, type_: Any = Any) -> Any:
    """Decode without looking at numbers. Raises Invalid with a JSONPath."""
    try:
        return msgspec.json.decode(raw, type=type_)
    except msgspec.ValidationError as error:
        raise invalid_field(error) from error
    except UnicodeDecodeError as error:
        raise Invalid("malformedJson", "The body is not UTF-8.", path="$") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid("malformedJson", "The body is not JSON.", message=str(error), path="$") from error


def decode_body(raw: bytes, type_: type[_T]) -> _T:
    """A body whose JSON was checked (`check_json`) as `type_`. Raises Invalid with the JSONPath of the wrong field."""
    value: _T = decode_json(raw, type_)
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


def _check_decimals(value: Any, path: str) -> None:
    """Decimals come from numbers and from strings alike, so they are looked at after decoding."""
    for name, item in _children(value):
        where = f"{path}{name}"
        if isinstance(item, Decimal):
            if not is_storable(item):
                raise out_of_range(where)
        elif not isinstance(item, str):
            _check_decimals(item, where)


def _children(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, msgspec.Struct):
        return [(f".{name}", getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, dict):
        return [(f".{name}", item) for name, item in value.items()]
    if isinstance(value, list | tuple | set | frozenset):
        return [(f"[{index}]", item) for index, item in enumerate(value)]
    return ()

"""The body's checks: what cannot be stored or computed with is refused, with the path of the field."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from trunkline.kernel.errors import Invalid, TooLarge
from trunkline.kernel.web.body import decode_body, receive
from trunkline.kernel.web.json_check import DEPTH_MAX, check_json


class Line(msgspec.Struct, forbid_unknown_fields=True):
    n: int
    price: Decimal = Decimal(0)
    text: str = ""
    lines: list["Line"] = []


@pytest.mark.parametrize(
    ("raw", "code", "path"),
    [
        (b'{"a":{"b":["x","y\\u0000"]}}', "invalidText", "$.a.b[1]"),
        (b'{"a\\u0000":1}', "invalidText", "$"),
        (b'{"a":9223372036854775808}', "numberOutOfRange", "$.a"),
        (b'{"a":[-9223372036854775809]}', "numberOutOfRange", "$.a[0]"),
        (b'{"a":1e41}', "numberOutOfRange", "$.a"),
        (b'{"a":-1e-40}', "numberOutOfRange", "$.a"),
        (b'{"a":[0.' + b"3" * 21 + b"]}", "numberOutOfRange", "$.a[0]"),
        (b'{"a":' + b"9" * 5000 + b"}", "numberOutOfRange", "$.a"),
        (b'{"a":[1,{"b":NaN}]}', "malformedJson", "$.a[1].b"),
        (b'{"a":-Infinity}', "malformedJson", "$.a"),
        (b'{"a":1,"b":[{"c":1,"d":2,"c":1}]}', "duplicateName", "$.b[0].c"),
        (b'{"a":1,"\\u0061":2}', "duplicateName", "$.a"),
        (b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "tooDeep", "$"),
        (b"[" * 100_000, "tooDeep", "$"),
        (b'{"a":"' + b"[" * 100 + b'\\""}' + b"[" * 100, "tooDeep", "$"),
    ],
)
def test_what_the_database_cannot_hold_is_refused(raw: bytes, code: str, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_json(raw)
    assert (caught.value.code, caught.value.path) == (code, path)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":9223372036854775807,"b":-9223372036854775808}',
        b'{"a":"12345678901234567890123 and 1e99 are text"}',
        b'{"a":"' + b"[{" * 100 + b'"}',
        b"[" * DEPTH_MAX + b"]" * DEPTH_MAX,
        b"[" + b",".join([b"{}"] * 1000) + b"]",
        '{"a":"é \\ud83d\\ude00 \\n"}'.encode(),
        b'{"a":1e39,"b":0.1,"c":0.' + b"3" * 20 + b"}",
        b'{"a":{"b":1},"c":{"b":1},"d":[{"b":1},{"b":1}]}',
        b'{"a":"\\u005cu0000"}',
    ],
)
def test_what_is_good_passes(raw: bytes) -> None:
    check_json(raw)


@pytest.mark.parametrize(
    ("raw", "code", "path"),
    [
        (b'{"n":"x"}', "invalidValue", "$.n"),
        (b'{"n":1.5}', "invalidValue", "$.n"),
        (b'{"n":1,"lines":[{"n":1},{"n":1,"price":true}]}', "invalidValue", "$.lines[1].price"),
        (b'{"n":1,"lines":[{}]}', "missingField", "$.lines[0].n"),
        (b'{"n":1,"nn":1}', "unknownField", "$.nn"),
        (b"[]", "invalidValue", "$"),
        (b'{"n":1,"price":"1e999999"}', "numberOutOfRange", "$.price"),
        (b'{"n":1,"lines":[{"n":1,"price":1e-400}]}', "numberOutOfRange", "$.lines[0].price"),
        (b'{"n":1,"price":"NaN"}', "numberOutOfRange", "$.price"),
        (b'{"n":1,"price":"' + b"9" * 41 + b'"}', "numberOutOfRange", "$.price"),
        (b'{"n":1,"text":"\\ud800"}', "invalidText", "$.text"),
        (b'{"n":1,"text":"\\uDE00\\uD83D"}', "invalidText", "$.text"),
        (b'{"n":1,"text":"\xff"}', "malformedJson", "$"),
        (b'{"n":NaN}', "malformedJson", "$.n"),
        (b'{"n":1', "malformedJson", "$"),
        (b"", "malformedJson", "$"),
        (b'{"n":1e400}', "numberOutOfRange", "$.n"),
    ],
)
def test_a_wrong_body_names_the_field(raw: bytes, code: str, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        _read(raw)
    assert (caught.value.code, caught.value.path) == (code, path)


def test_a_decimal_keeps_its_digits() -> None:
    assert decode_body(b'{"n":1,"price":0.10000000000000000001}', Line).price == Decimal("0.10000000000000000001")


@pytest.mark.parametrize(("declared", "sent"), [("11", 0), (None, 11), ("5", 11), ("nonsense", 11), ("9" * 50, 0)])
async def test_a_body_is_limited_whatever_its_length_claims(declared: str | None, sent: int) -> None:
    with pytest.raises(TooLarge):
        await receive(_chunks(sent), declared, 10)


async def test_a_body_of_just_the_limit_comes_in_whole() -> None:
    assert await receive(_chunks(10), "10", 10) == b"x" * 10


async def _chunks(count: int) -> AsyncIterator[Any]:
    for _ in range(count):
        yield b"x"


def _read(raw: bytes) -> Line:
    """As an endpoint reads its body."""
    check_json(raw)
    return decode_body(raw, Line)

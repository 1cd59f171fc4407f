"""What a document looks like once it is stored: no nulls, every instant and every number in one exact form, and every
object inside it with its class in `@type`, which generation 5 makes mandatory."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, get_args, get_origin

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.document import Document, decode, encode, without_nulls
from trunkline.kernel.web.json_check import is_storable

_AS_STORED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


class Place(msgspec.Struct):
    """What an attribute may hold that has one form only. `members` are the classes of objects in it, each with what its
    `@type` says where a client left it out."""

    instant: bool = False
    number: bool = False
    members: tuple[tuple[type[msgspec.Struct], str | None], ...] = ()


@cache
def places_of(entity: type[msgspec.Struct]) -> dict[str, Place]:
    """Where instants, numbers and objects stand in an entity's documents, worked out once from its type."""
    found: dict[str, Place] = {}
    for field in msgspec.structs.fields(entity):
        place = Place()
        for kind in _kinds(field.type):
            if kind is datetime:
                place.instant = True
            elif kind is Decimal:
                place.number = True
            elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                typed = any(inner.encode_name == "@type" for inner in msgspec.structs.fields(kind))
                place.members += ((kind, kind.__name__ if typed else None),)
        if place.instant or place.number or place.members:
            found[field.encode_name] = place
    return found


def _kinds(annotation: Any) -> list[Any]:
    if get_origin(annotation) is None:
        return [annotation]
    return [kind for part in get_args(annotation) for kind in _kinds(part)]


def instant_text(value: datetime) -> str:
    """An instant as documents hold it: UTC, milliseconds, ends in Z; so the order of the texts is the order in time.

    Raises OverflowError where the instant lies in UTC outside the years 1 to 9999.
    """
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def normalise(document: Document, entity: type[msgspec.Struct], *, typed: bool = True) -> Document:
    """A copy of the (already checked) document in that form; the classes inside only where it is `typed`.

    Raises Invalid for an instant or a number that cannot be stored.
    """
    text = encode(document)
    cleaned: Document = decode(text)  # a copy: half the time of taking it apart here
    if b"null" in text:
        cleaned = without_nulls(cleaned)
    _walk(cleaned, entity, "$", typed=typed)
    return cleaned


def _walk(document: Document, entity: type[msgspec.Struct], path: str, *, typed: bool) -> None:
    places = places_of(entity)
    for name in [name for name in document if name in places]:
        place, value = places[name], document[name]
        if place.instant and isinstance(value, (str, datetime)):
            document[name] = _instant(value, f"{path}.{name}")
        if place.number:
            if isinstance(value, str):  # msgspec takes a decimal as text too; documents hold numbers
                value = document[name] = Decimal(value)
            if isinstance(value, Decimal) and not is_storable(value):
                raise Invalid("numberOutOfRange", "That is not a number that can be stored.", path=f"{path}.{name}")
        for kind, class_ in place.members:
            for inner, where in _objects(value, f"{path}.{name}"):
                if typed and class_ is not None:
                    inner.setdefault("@type", class_)
                _walk(inner, kind, where, typed=typed)


def _objects(value: Any, path: str) -> Iterator[tuple[Document, str]]:
    """The object, or those of the array, each with its path."""
    if isinstance(value, dict):
        yield value, path
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict):
                yield item, f"{path}[{index}]"


def _instant(value: str | datetime, path: str) -> str:
    if isinstance(value, str) and _AS_STORED.fullmatch(value):
        return value
    # The same reader as the check's: it takes forms that Python's own does not ("2026-01-01t00:00:00z").
    instant = msgspec.convert(value, datetime)
    try:
        return instant_text(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    except OverflowError as error:
        raise Invalid("instantOutOfRange", "An instant lies in the years 1 to 9999.", path=path) from error

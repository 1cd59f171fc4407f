"""What a document looks like once it is stored: no nulls, every instant and every number in one exact form, and every
object inside it with its class in `@type`, which generation 5 makes mandatory."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, get_args, get_origin

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.document import Document, without_nulls
from trunkline.kernel.web.json_check import is_storable


class Shape(msgspec.Struct, frozen=True):
    """Where instants, numbers and nested objects stand in an entity's documents; of the last also what `@type` says where
    a client left it out."""

    instants: tuple[str, ...]
    numbers: tuple[str, ...]
    members: tuple[tuple[str, type[msgspec.Struct], str | None], ...]


@cache
def shape_of(entity: type[msgspec.Struct]) -> Shape:
    """The entity's shape, worked out once from its type."""
    instants, numbers, members = [], [], []
    for field in msgspec.structs.fields(entity):
        for kind in _kinds(field.type):
            if kind is datetime:
                instants.append(field.encode_name)
            elif kind is Decimal:
                numbers.append(field.encode_name)
            elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                names = {inner.encode_name for inner in msgspec.structs.fields(kind)}
                members.append((field.encode_name, kind, kind.__name__ if "@type" in names else None))
    return Shape(tuple(instants), tuple(numbers), tuple(members))


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
    cleaned: Document = without_nulls(document)
    _walk(cleaned, entity, "$", typed=typed)
    return cleaned


def _walk(document: Document, entity: type[msgspec.Struct], path: str, *, typed: bool) -> None:
    shape = shape_of(entity)
    for name in shape.instants:
        value = document.get(name)
        if isinstance(value, (str, datetime)):
            document[name] = _instant(value, f"{path}.{name}")
    for name in shape.numbers:
        value = document.get(name)
        if isinstance(value, str):  # msgspec takes a decimal as text too; documents hold numbers
            value = document[name] = Decimal(value)
        if isinstance(value, Decimal) and not is_storable(value):
            raise Invalid("numberOutOfRange", "That is not a number that can be stored.", path=f"{path}.{name}")
    for name, kind, class_ in shape.members:
        for inner, place in _objects(document.get(name), f"{path}.{name}"):
            if typed and class_ is not None:
                inner.setdefault("@type", class_)
            _walk(inner, kind, place, typed=typed)


def _objects(value: Any, path: str) -> Iterator[tuple[Document, str]]:
    """The object, or those of the array, each with its path."""
    if isinstance(value, dict):
        yield value, path
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict):
                yield item, f"{path}[{index}]"


def _instant(value: str | datetime, path: str) -> str:
    # The same reader as the check's: it takes forms that Python's own does not ("2026-01-01t00:00:00z").
    instant = msgspec.convert(value, datetime)
    try:
        return instant_text(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    except OverflowError as error:
        raise Invalid("instantOutOfRange", "An instant lies in the years 1 to 9999.", path=path) from error

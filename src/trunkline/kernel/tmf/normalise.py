"""What a document looks like once it is stored: no nulls, every instant and every number in one exact form."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, get_args, get_origin

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.document import Document, without_nulls
from trunkline.kernel.web.json_check import is_storable


class Shape(msgspec.Struct, frozen=True):
    """Where instants, numbers and nested objects stand in an entity's documents."""

    instants: tuple[str, ...]
    numbers: tuple[str, ...]
    members: tuple[tuple[str, type[msgspec.Struct]], ...]


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
                members.append((field.encode_name, kind))
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


def normalise(document: Document, entity: type[msgspec.Struct]) -> Document:
    """A copy of the (already checked) document without nulls and with its instants and numbers in the one form.

    Raises Invalid for an instant or a number that cannot be stored.
    """
    cleaned: Document = without_nulls(document)
    _walk(cleaned, entity, "$")
    return cleaned


def _walk(document: Document, entity: type[msgspec.Struct], path: str) -> None:
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
    for name, kind in shape.members:
        inner = document.get(name)
        if isinstance(inner, dict):
            _walk(inner, kind, f"{path}.{name}")
        elif isinstance(inner, list):
            for index, item in enumerate(inner):
                if isinstance(item, dict):
                    _walk(item, kind, f"{path}.{name}[{index}]")


def _instant(value: str | datetime, path: str) -> str:
    # The same reader as the check's: it takes forms that Python's own does not ("2026-01-01t00:00:00z").
    instant = msgspec.convert(value, datetime)
    try:
        return instant_text(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    except OverflowError as error:
        raise Invalid("instantOutOfRange", "An instant lies in the years 1 to 9999.", path=path) from error

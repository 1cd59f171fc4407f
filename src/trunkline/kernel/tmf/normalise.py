"""What a document looks like once it is stored: no nulls, and every instant in one exact form."""

from datetime import UTC, datetime
from functools import cache
from typing import Any, get_args, get_origin

import msgspec

from trunkline.kernel.tmf.document import Document, without_nulls


class Shape(msgspec.Struct, frozen=True):
    """Where instants and nested objects stand in an entity's documents."""

    instants: tuple[str, ...]
    members: tuple[tuple[str, type[msgspec.Struct]], ...]


@cache
def shape_of(entity: type[msgspec.Struct]) -> Shape:
    """The entity's shape, worked out once from its type."""
    instants, members = [], []
    for field in msgspec.structs.fields(entity):
        for kind in _kinds(field.type):
            if kind is datetime:
                instants.append(field.encode_name)
            elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                members.append((field.encode_name, kind))
    return Shape(tuple(instants), tuple(members))


def _kinds(annotation: Any) -> list[Any]:
    if get_origin(annotation) is None:
        return [annotation]
    return [kind for part in get_args(annotation) for kind in _kinds(part)]


def instant_text(value: datetime) -> str:
    """An instant as documents hold it: UTC, milliseconds, ends in Z; so the order of the texts is the order in time."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


def normalise(document: Document, entity: type[msgspec.Struct]) -> Document:
    """A copy of the (already checked) document without nulls and with its instants in the one form."""
    cleaned: Document = without_nulls(document)
    _walk(cleaned, entity)
    return cleaned


def _walk(document: Document, entity: type[msgspec.Struct]) -> None:
    shape = shape_of(entity)
    for name in shape.instants:
        value = document.get(name)
        if isinstance(value, str):
            instant = datetime.fromisoformat(value)
            document[name] = instant_text(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
        elif isinstance(value, datetime):
            document[name] = instant_text(value)
    for name, kind in shape.members:
        inner = document.get(name)
        for item in inner if isinstance(inner, list) else (inner,):
            if isinstance(item, dict):
                _walk(item, kind)

"""Questions about an entity's attributes: what stands at a dotted path, which name was meant, its JSON Schema."""

import difflib
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec

Kind = Literal["string", "datetime", "date", "number", "boolean", "object", "any"]

PATH_STEPS_MAX = 16
_SCALARS: tuple[tuple[type, Kind], ...] = (
    (str, "string"),
    (bool, "boolean"),
    (int, "number"),
    (Decimal, "number"),
    (datetime, "datetime"),
    (date, "date"),
)


class AttributePath(msgspec.Struct, frozen=True):
    """What stands at a path.

    kind  of the value; "object" for a nested entity or a free object, "any" where every JSON value fits
    many  whether an array lies on the path, so that there may be several values
    """

    kind: Kind
    many: bool


class _Attribute(msgspec.Struct, frozen=True):
    kind: Kind
    many: bool
    entity: type[msgspec.Struct] | None


@lru_cache(maxsize=4096)
def attribute_type(entity: type[msgspec.Struct], path: str) -> AttributePath | None:
    """What stands at the dotted path ("relatedParty.partyOrPartyRole.id"), or None for an unknown attribute.

    Inside a free object or a value of any type, every path is known and of kind "any".
    """
    steps = path.split(".")
    if len(steps) > PATH_STEPS_MAX:
        return None
    many, inside = False, entity
    for position, step in enumerate(steps):
        attribute = _attributes(inside).get(step)
        if attribute is None:
            return None
        many = many or attribute.many
        if position == len(steps) - 1:
            return AttributePath(attribute.kind, many)
        if attribute.entity is None:
            return AttributePath("any", many) if attribute.kind in ("any", "object") and all(steps) else None
        inside = attribute.entity
    return None


def nearest(entity: type[msgspec.Struct], path: str) -> str | None:
    """The known path most like an unknown one, or None: its first wrong step replaced by the nearest name there.

    What follows that step is kept where it is known then.
    """
    steps = path.split(".")[:PATH_STEPS_MAX]
    good = 0
    while good < len(steps) and attribute_type(entity, ".".join(steps[: good + 1])) is not None:
        good += 1
    if good == len(steps):
        return path
    inside = _entity_at(entity, steps[:good])
    if inside is None:
        return None
    close = difflib.get_close_matches(steps[good][:80], _attributes(inside), n=1)
    if not close:
        return None
    mended = ".".join([*steps[:good], *close, *steps[good + 1 :]])
    return mended if attribute_type(entity, mended) else ".".join([*steps[:good], *close])


def json_schemas(types: Sequence[Any]) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """The schema of each type, and by name those that they refer to as `#/components/schemas/<name>`.

    Asked for together, because two classes may share a name; msgspec then names both by their modules too.
    """
    roots, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return {type_: _plain(root) for type_, root in zip(types, roots, strict=True)}, _plain(components)


def _plain(schema: Any) -> Any:
    """Decimals are JSON numbers here, where msgspec would describe its default, text; empty `required` lists go."""
    if isinstance(schema, dict):
        if schema.get("format") == "decimal":
            return {"type": "number"}
        return {key: _plain(inner) for key, inner in schema.items() if not (key == "required" and inner == [])}
    return [_plain(item) for item in schema] if isinstance(schema, (list, tuple)) else schema


@lru_cache(maxsize=1024)
def _attributes(entity: type[msgspec.Struct]) -> dict[str, _Attribute]:
    return {field.encode_name: _attribute(field.type) for field in msgspec.structs.fields(entity)}


def _attribute(annotation: Any, *, many: bool = False) -> _Attribute:
    origin = get_origin(annotation)
    if origin in (list, tuple, set, frozenset):
        return _attribute(next(iter(get_args(annotation)), Any), many=True)
    if origin is dict:
        return _Attribute("object", many, None)
    if origin is not None:
        choices = [part for part in get_args(annotation) if part not in (msgspec.UnsetType, NoneType)]
        return _attribute(choices[0], many=many) if len(choices) == 1 else _Attribute("any", many, None)
    if isinstance(annotation, type):
        if issubclass(annotation, msgspec.Struct):
            return _Attribute("object", many, annotation)
        for python, kind in _SCALARS:
            if annotation is python or (python is str and issubclass(annotation, str)):
                return _Attribute(kind, many, None)
        if annotation is dict:
            return _Attribute("object", many, None)
    return _Attribute("any", many, None)


def _entity_at(entity: type[msgspec.Struct], steps: list[str]) -> type[msgspec.Struct] | None:
    inside: type[msgspec.Struct] | None = entity
    for step in steps:
        attribute = _attributes(inside).get(step) if inside else None
        inside = attribute.entity if attribute else None
    return inside

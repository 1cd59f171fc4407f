"""Schemas flattened into shapes: attribute tables without inheritance and without alternatives.

`allOf` adds up. `oneOf`, and the sub-types that a discriminator lists, become one shape with the attributes of all of
them, because a document of a type nobody knew must fit as well. Where they differ in an attribute's type, any value fits.
"""

import re
from typing import Any

import msgspec

from tools.entities.contract import Contract

SUFFIX = re.compile(r"_(?:FVO|MVO|Create|Update)$")
_SCALARS = {"string": "string", "boolean": "boolean", "integer": "integer", "number": "number"}
_FORMATS = {"date-time": "datetime", "date": "date"}


class Type(msgspec.Struct, frozen=True):
    """kind: string, datetime, date, number, integer, boolean, object (free), any, or entity (then `entity` names it)."""

    kind: str
    many: bool = False
    entity: str | None = None

    def each(self) -> "Type":
        """The type of one element."""
        return Type(self.kind, entity=self.entity)


ANY = Type("any")


class Shape(msgspec.Struct):
    """Attributes by wire name, and which of them are mandatory."""

    attributes: dict[str, Type]
    required: frozenset[str] = frozenset()


def common(a: Type, b: Type) -> Type:
    """The narrowest type that both fit."""
    if a == b:
        return a
    if a.many != b.many:
        return ANY
    kinds = {a.kind, b.kind}
    if kinds == {"integer", "number"}:
        return Type("number", a.many)
    if kinds <= {"string", "datetime", "date"}:
        return Type("string", a.many)
    return Type("any", a.many)


def merged(a: dict[str, Type], b: dict[str, Type]) -> dict[str, Type]:
    """The attributes of both."""
    result = dict(a)
    for name, kind in b.items():
        result[name] = common(result[name], kind) if name in result else kind
    return result


def plain(name: str) -> str:
    """The schema's name without the mark of its create or update form."""
    return SUFFIX.sub("", name)


class Shapes:
    """The shapes of one contract. Entity names are as in the contract, form marks included; see `plain`."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._shapes: dict[str, Shape] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.contract.schemas

    def shape(self, name: str) -> Shape:
        """The flattened schema of that name, form mark included."""
        if name not in self._shapes:
            self._shapes[name] = self._flatten(self.contract.schemas[name], {name}, with_subtypes=True)
        return self._shapes[name]

    def resource(self, name: str) -> Shape:
        """The schema with what only its create form has: those attributes are kept in the document too."""
        shape = self.shape(name)
        for form in (f"{name}_FVO", f"{name}_Create"):
            if form in self:
                extra = {k: v for k, v in self.shape(form).attributes.items() if k not in shape.attributes}
                shape = Shape({**shape.attributes, **extra}, shape.required)
        return shape

    def form(self, name: str, *suffixes: str) -> str:
        """The name of the schema's form with the first of the suffixes that is there, else the schema's own."""
        return next((name + suffix for suffix in suffixes if name + suffix in self), name)

    def states(self, name: str, attribute: str) -> tuple[str | None, tuple[str, ...]]:
        """The enumeration's name and values, if the contract closes that attribute."""
        node = self._property(self.contract.schemas[name], attribute)
        if node is None:
            return None, ()
        target = _target(node)
        if target:
            node = self._schema(target)
        return target, tuple(dict.fromkeys(value.strip() for value in node.get("enum", ())))

    def subtypes(self, name: str) -> tuple[str, ...]:
        """The classes that the contract lists as extending that one."""
        mapped = self._schema(name).get("discriminator", {})
        names = mapped.get("mapping", {}) if isinstance(mapped, dict) else {}
        return tuple(sorted(subtype for subtype in names if subtype != name))

    def _schema(self, name: str) -> dict[str, Any]:
        """The schema; one that is referred to but missing (TMF640 has such) constrains nothing."""
        found: dict[str, Any] = self.contract.schemas.get(name, {})
        return found

    def _property(self, node: dict[str, Any], attribute: str) -> dict[str, Any] | None:
        target = _target(node)
        if target:
            return self._property(self._schema(target), attribute)
        if attribute in node.get("properties", {}):
            found: dict[str, Any] = node["properties"][attribute]
            return found
        parts = [*node.get("allOf", ()), *node.get("oneOf", ())]
        return next((p for part in parts if (p := self._property(part, attribute)) is not None), None)

    def _flatten(self, node: dict[str, Any], seen: set[str], *, with_subtypes: bool) -> Shape:
        target = _target(node)
        if target:
            if target in seen and with_subtypes:
                return Shape({})
            return self._flatten(self._schema(target), seen | {target}, with_subtypes=with_subtypes)
        attributes: dict[str, Type] = {}
        required = set(node.get("required", ()))
        for part in node.get("allOf", ()):
            inner = self._flatten(part, seen, with_subtypes=False)
            attributes, required = merged(attributes, inner.attributes), required | inner.required
        for name, child in node.get("properties", {}).items():
            # What a schema says of its own attribute refines what it inherits.
            attributes[name.strip()] = self.type_of(child)
        choices = [self._flatten(part, seen, with_subtypes=True) for part in node.get("oneOf", node.get("anyOf", ()))]
        if choices:
            required |= frozenset.intersection(*(choice.required for choice in choices))
        if with_subtypes:
            mapped = node.get("discriminator", {})
            names = mapped.get("mapping", {}).values() if isinstance(mapped, dict) else ()
            subtypes = dict.fromkeys(reference.rpartition("/")[2] for reference in names)
            choices += [
                self._flatten(self.contract.schemas[name], seen | {name}, with_subtypes=True)
                for name in subtypes
                if name in self and name not in seen
            ]
        for choice in choices:
            attributes = merged(attributes, choice.attributes)
        return Shape(attributes, frozenset(required))

    def type_of(self, node: dict[str, Any]) -> Type:
        """The type of a property or array element."""
        target = _target(node)
        if target is None and len(node.get("allOf", ())) == 1 and "properties" not in node:
            target = _target(node["allOf"][0])
        if target:
            return self._type_of_schema(target)
        kind = node.get("type")
        if kind == "array":
            inner = self.type_of(node.get("items", {}))
            return Type("any", many=True) if inner.many else Type(inner.kind, many=True, entity=inner.entity)
        if kind in _SCALARS:
            return Type(_FORMATS.get(node.get("format", ""), "string") if kind == "string" else _SCALARS[kind])
        if kind == "object" or "properties" in node:
            return Type("object")
        return ANY

    def _type_of_schema(self, name: str) -> Type:
        if name == "Any":  # TMF656 gives a schema this name
            return ANY
        node = self._schema(name)
        if any(key in node for key in ("allOf", "oneOf", "anyOf", "properties")):
            return Type("entity", entity=name) if self.shape_is_open(name) else Type("object")
        return self.type_of(node)

    def shape_is_open(self, name: str) -> bool:
        """Whether the schema has any attribute; guards against recursion by looking only at the schema itself."""
        return bool(_names(self.contract.schemas, self.contract.schemas[name], {name}))


def _names(schemas: dict[str, Any], node: dict[str, Any], seen: set[str]) -> bool:
    target = _target(node)
    if target:
        return target in schemas and target not in seen and _names(schemas, schemas[target], seen | {target})
    if node.get("properties"):
        return True
    parts = [*node.get("allOf", ()), *node.get("oneOf", ()), *node.get("anyOf", ())]
    return any(_names(schemas, part, seen) for part in parts)


def _target(node: dict[str, Any]) -> str | None:
    reference = node.get("$ref")
    return reference.rpartition("/")[2] if isinstance(reference, str) else None

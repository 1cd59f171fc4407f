"""Valid documents made from a contract's schemas: the mandatory attributes, or all of them to a depth."""

import re
from typing import Any

from tools.conformance.schemas import Schema, Schemas, name_of

DEPTH_FULL = 2
DEPTH_MAX = 12
FORM = re.compile(r"_(?:FVO|MVO|RES|Create|Update)$")
_LEFT_OUT = frozenset({"id", "href", "@baseType", "@schemaLocation"})
"""The server's, or said by tests of their own: made only where a schema asks for them."""
_BY_NAME = {"unit": "EUR", "units": "EUR", "currency": "EUR", "currencyCode": "EUR", "mimeType": "text/plain"}
_BY_FORMAT = {"date": "2026-06-01", "uri": "https://www.example.org/conformance", "base64": "Y29uZm9ybWFuY2U="}
_PLAIN = ("string", "integer", "number", "boolean")
_BY_PATTERN = {r"^([01]\d|2[0-3]):([0-5]\d)$": "10:30"}


def class_of(name: str) -> str:
    """The class that a schema's form stands for: "Category_FVO" is a "Category"."""
    return FORM.sub("", name)


class Sampler:
    """Makes documents of one contract's schemas. The same schema always gives the same document."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def document(self, schema: Any, *, full: bool = False) -> dict[str, Any]:
        """A document with its mandatory attributes, or with all of them, to a depth."""
        made = self._value(schema, "", 0, DEPTH_FULL if full else 0)
        if not isinstance(made, dict):
            raise TypeError(f"{schema} describes no object")
        return made

    def value(self, schema: Any, attribute: str) -> Any:
        """A value of an attribute, with its mandatory parts."""
        return self._value(schema, attribute, 1, 0)

    def _value(self, node: Any, attribute: str, depth: int, full: int) -> Any:
        if depth > DEPTH_MAX:
            raise RecursionError(f"{attribute} asks for itself")
        name, resolved = name_of(node), self._schemas.resolve(node)
        if "enum" in resolved:
            return resolved["enum"][0]
        alternatives = resolved.get("oneOf") or resolved.get("anyOf")
        if alternatives:
            return self._value(_preferred(alternatives), attribute, depth + 1, full)
        kind = resolved.get("type")
        if kind == "array":
            return [self._value(resolved.get("items", {}), attribute, depth, full)]
        if kind in _PLAIN:
            return _scalar(resolved, attribute)
        attributes = self._schemas.properties(node)
        if not attributes:
            return {} if kind == "object" else f"{attribute} text"
        return self._object(node, name, attributes, depth, full)

    def _object(self, node: Any, name: str | None, attributes: Schema, depth: int, full: int) -> dict[str, Any]:
        class_, concrete = self._class(name)
        if concrete != name:
            node = {"$ref": f"#/definitions/{concrete}"}
            attributes = self._schemas.properties(node)
        required = self._schemas.required(node) | self._schemas.required({"$ref": f"#/definitions/{class_}"})
        made: dict[str, Any] = {}
        for attribute, schema in attributes.items():
            attribute = attribute.strip()
            wanted = attribute in required or (depth < full and attribute not in _LEFT_OUT)
            if not wanted:
                continue
            if attribute == "@type":
                made[attribute] = class_
            elif attribute == "@referredType":
                made[attribute] = class_.removesuffix("Ref").removesuffix("RefOrValue") or class_
            else:
                made[attribute] = self._value(schema, attribute, depth + 1, full)
        for attribute in required - attributes.keys() - {"@type"}:  # asked for, and described nowhere
            made[attribute] = f"{attribute} text"
        return made if made.keys() - {"@type"} else made | self._something(attributes)

    def _something(self, attributes: Schema) -> dict[str, Any]:
        """The first plain attribute, for an object that would say nothing."""
        for attribute, schema in attributes.items():
            resolved = self._schemas.resolve(schema)
            if resolved.get("type") in _PLAIN and attribute not in _LEFT_OUT and "@" not in attribute:
                return {attribute: self._value(schema, attribute, 0, 0)}
        return {}

    def _class(self, name: str | None) -> tuple[str, str | None]:
        """What `@type` says of an object of this schema, and the schema of that class."""
        if name is None:
            return "Object", None
        choices = self._schemas.choices(self._schemas.named.get(name, {}))
        own = next((value for value, target in choices.items() if target == name), None)
        if own is None and choices:
            value, target = next(iter(choices.items()))
            return (value, target) if target in self._schemas.named else (value, name)
        return own or class_of(name), name


def _preferred(alternatives: list[Any]) -> Any:
    """A reference where one may stand: it asks for the least."""
    return next((one for one in alternatives if class_of(name_of(one) or "").endswith("Ref")), alternatives[0])


def _scalar(schema: Schema, attribute: str) -> Any:
    kind, said = schema["type"], schema.get("format")
    if kind == "boolean":
        return False
    if kind in ("integer", "number"):
        return 1
    if said == "date-time":
        return "2027-01-01T00:00:00.000Z" if attribute.lower().startswith("end") else "2026-06-01T00:00:00.000Z"
    if schema.get("pattern"):
        return _BY_PATTERN.get(schema["pattern"], attribute)
    return _BY_FORMAT.get(said or "") or _BY_NAME.get(attribute) or f"{attribute} text"

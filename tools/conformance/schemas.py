"""A contract's schemas as JSON Schema, and validators of what a server answers.

Swagger 2.0 and OpenAPI 3.0 schemas are JSON Schema with additions. Those that matter are brought to draft 7:

- a `discriminator` decides: an object whose `@type` is in its mapping must fit the class that is named there. A class that is
  not in the mapping is an extension; it must fit what it extends (one of the alternatives of a `oneOf`);
- `nullable` allows null; without it null is no value;
- `uri` is checked as a reference, since an `href` may be relative; `int32`, `int64` and `float` as numbers.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import jsonschema_rs

_REFERENCE = re.compile(r"^#/(?:definitions|components/schemas)/(?P<name>.+)$")
_KEPT = frozenset({"type", "required", "enum", "pattern", "minItems", "maxItems", "minLength", "maxLength"})
_KEPT_FORMATS = {"date-time": "date-time", "date": "date", "uri": "uri-reference", "email": "email", "uuid": "uuid"}
_BASE64 = r"^[A-Za-z0-9+/]*={0,2}$"
_HERE = "urn:contract"
_BASE = ".itself"
"""Ends the name of a class by itself, as `allOf` means it; the plain name leads to the class that `@type` names."""
PROBLEMS_MAX = 5

Schema = dict[str, Any]


def name_of(node: Any) -> str | None:
    """The schema that a `$ref` names."""
    reference = node.get("$ref") if isinstance(node, dict) else None
    match = _REFERENCE.match(reference) if isinstance(reference, str) else None
    return match["name"] if match else None


class Schemas:
    """The named schemas of one contract."""

    def __init__(self, named: dict[str, Schema]) -> None:
        self.named = named
        self._validators: dict[str, jsonschema_rs.Draft7Validator] = {}

    def resolve(self, node: Any) -> Schema:
        """The schema behind a reference; one that is referred to but missing constrains nothing."""
        while (name := name_of(node)) is not None:
            node = self.named.get(name, {})
        return node if isinstance(node, dict) else {}

    def choices(self, node: Schema) -> dict[str, str]:
        """The discriminator's mapping: value of `@type` → name of the schema."""
        said = node.get("discriminator")
        mapping: dict[str, str] = said.get("mapping", {}) if isinstance(said, dict) else {}
        return {value: target.rpartition("/")[2] for value, target in mapping.items()}

    def properties(self, node: Any, seen: frozenset[str] = frozenset()) -> dict[str, Any]:
        """The attributes of a schema, inherited ones included, its own last. Of inherited alternatives, those of the first."""
        name = name_of(node)
        if name is not None:
            if name in seen:
                return {}
            seen |= {name}
        node = self.resolve(node)
        found: dict[str, Any] = {}
        for part in self._parts(node):
            found |= self.properties(part, seen)
        own: dict[str, Any] = node.get("properties", {})
        return found | own

    def required(self, node: Any, seen: frozenset[str] = frozenset(), *, whatever: bool = False) -> frozenset[str]:
        """The mandatory attributes of a schema, inherited ones included; `whatever`: whichever alternative is taken."""
        name = name_of(node)
        if name is not None:
            if name in seen:
                return frozenset()
            seen |= {name}
        node = self.resolve(node)
        parts = node.get("allOf", ()) if whatever else self._parts(node)
        inherited = (self.required(part, seen, whatever=whatever) for part in parts)
        return frozenset(node.get("required", ())).union(*inherited)

    def _parts(self, node: Schema) -> Iterator[Any]:
        """What a schema inherits from; of a part that is one of several, the first."""
        for part in node.get("allOf", ()):
            alternatives = self.resolve(part).get("oneOf") or self.resolve(part).get("anyOf")
            yield alternatives[0] if alternatives else part

    def problems(self, schema: Any, value: Any) -> list[str]:
        """How the value violates the schema, each with its place, at most a few; none when it fits."""
        validator = self._validator(schema)
        if validator.is_valid(value):
            return []
        return [_told(error) for _, error in zip(range(PROBLEMS_MAX), _leaves(validator, value), strict=False)]

    def _validator(self, schema: Any) -> jsonschema_rs.Draft7Validator:
        key = repr(schema)
        if key not in self._validators:
            self._validators[key] = jsonschema_rs.Draft7Validator(
                self._converted(schema), registry=self._registry, validate_formats=True
            )
        return self._validators[key]

    @cached_property
    def _registry(self) -> jsonschema_rs.Registry:
        found: dict[str, Schema] = {}
        for name, node in self.named.items():
            found[name + _BASE] = self._converted(node)
            found[name] = self._dispatch(name, node)
        return jsonschema_rs.Registry([(_HERE, {"definitions": found})], draft=jsonschema_rs.Draft7)

    def _dispatch(self, name: str, node: Schema) -> Schema:
        """The class that `@type` names where the mapping knows it, else this one."""
        choices = {value: target for value, target in self.choices(node).items() if target in self.named}
        base = {"$ref": f"{_HERE}#/definitions/{name}{_BASE}"}
        if not choices:
            return base
        cases: list[Schema] = [
            {"if": _is_type([value]), "then": {"$ref": f"{_HERE}#/definitions/{target}{_BASE}"}}
            for value, target in choices.items()
        ]
        return {"allOf": [*cases, {"if": _is_type(list(choices)), "else": base}]}

    def _converted(self, node: Any, *, inherited: bool = False) -> Schema:
        if not isinstance(node, dict):
            return {}
        name = name_of(node)
        if name is not None:
            return {"$ref": f"{_HERE}#/definitions/{name}{_BASE if inherited else ''}"} if name in self.named else {}
        made: Schema = {key: node[key] for key in _KEPT & node.keys()}
        if "required" in made and not isinstance(made["required"], list):
            del made["required"]  # a flag on a parameter, which some contracts carry over
        said = node.get("format")
        if said == "base64":
            made["pattern"] = _BASE64
        elif said in _KEPT_FORMATS and node.get("type") == "string":
            made["format"] = _KEPT_FORMATS[said]
        if "properties" in node:
            made["properties"] = {key.strip(): self._converted(child) for key, child in node["properties"].items()}
        if "items" in node:
            made["items"] = self._converted(node["items"])
        if isinstance(node.get("additionalProperties"), dict):
            made["additionalProperties"] = self._converted(node["additionalProperties"])
        if "allOf" in node:
            made["allOf"] = [self._converted(part, inherited=True) for part in node["allOf"]]
        for word in ("oneOf", "anyOf"):
            if word in node:
                # Without `@type` in the mapping the alternatives, which are open, would all fit: one is enough.
                open_ = word == "anyOf" or bool(self.choices(node))
                made["anyOf" if open_ else word] = [self._converted(part) for part in node[word]]
        return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


def _is_type(values: list[str]) -> Schema:
    return {"properties": {"@type": {"enum": values}}, "required": ["@type"]}


def _leaves(validator: jsonschema_rs.Draft7Validator, value: Any) -> Iterator[jsonschema_rs.ValidationError]:
    for error in validator.iter_errors(value):
        context = getattr(error.kind, "context", None)
        branches = [branch for branch in context or () if branch]
        yield from min(branches, key=len) if branches else (error,)


def _told(error: jsonschema_rs.ValidationError) -> str:
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    return f"${place}: {error.message[:160]}"

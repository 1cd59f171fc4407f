"""The JSON Schemas of generation 4, made from those of the stored types by the same declaration that maps documents."""

from collections.abc import Sequence
from typing import Any

from trunkline.kernel.tmf.face import Face, Shape
from trunkline.kernel.tmf.mount import Mount
from trunkline.kernel.tmf.schema import json_schemas

PREFIX = "#/components/schemas/"
_TEXT = {"type": "string"}


def mount_schemas(
    mounts: Sequence[Mount], others: Sequence[Any] = ()
) -> tuple[dict[str, dict[str, Any]], dict[Any, dict[str, Any]], dict[str, Any]]:
    """Schemas of what is mounted, by the mount's path; of other types, by type; and the components that both refer to."""
    schema_of, components = json_schemas(list(dict.fromkeys([*(mount.resource.entity for mount in mounts), *others])))
    faces = FaceSchemas(components)
    shown = {}
    for mount in mounts:
        stored = schema_of[mount.resource.entity]
        shown[mount.path] = faces.of(mount.face, stored) if mount.face else stored
    return shown, schema_of, components


class FaceSchemas:
    """Adds to `components` what the faces need beside the stored types' schemas. The names end in `_v4`."""

    def __init__(self, components: dict[str, Any]) -> None:
        self._components = components

    def of(self, face: Face, root: dict[str, Any]) -> dict[str, Any]:
        """The schema of the resource in generation 4; `root` is that of the stored type."""
        schema: dict[str, Any] = self._referred(root, face.shapes.get(face.name), face)
        return schema

    def _referred(self, schema: Any, shape: Shape | None, face: Face) -> Any:
        """The schema with the types that it refers to replaced by their generation 4 form."""
        if shape is None:
            return schema
        if isinstance(schema, list):
            return [self._referred(item, shape, face) for item in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return {"$ref": PREFIX + self._made(schema["$ref"].removeprefix(PREFIX), shape, face)}
        return {key: self._referred(inner, shape, face) for key, inner in schema.items()}

    def _made(self, stored: str, shape: Shape, face: Face) -> str:
        name = f"{shape.name}_{stored}_v4" if shape.name != stored else f"{stored}_v4"
        if name not in self._components:
            self._components[name] = {}  # a type that holds itself refers to it before it is there
            self._components[name] = self._transformed(dict(self._components[stored]), shape, face)
        return name

    def _transformed(self, schema: dict[str, Any], shape: Shape, face: Face) -> dict[str, Any]:
        properties = dict(schema.get("properties", {}))
        if shape.fold:
            inner = _target(properties.pop(shape.fold, {}))
            properties = {**self._components.get(inner or "", {}).get("properties", {}), **properties}
        shown: dict[str, Any] = {}
        for name, property_ in properties.items():
            member = shape.members.get(name)
            made = self._referred(property_, face.shapes.get(member) if member else None, face)
            if name in shape.singles:
                made = made.get("items", made)
            shown[shape.renames.get(name, name)] = made
        shown |= dict.fromkeys(shape.wraps, _TEXT)
        if shape.nest:
            inner_names = [name for name in shown if name not in shape.outer and not name.startswith("@")]
            nested = {name: shown.pop(name) for name in inner_names}
            shown[shape.nest] = {"type": "object", "properties": nested}
        return {"title": shape.name, "type": "object", "properties": shown}


def _target(schema: Any) -> str | None:
    if isinstance(schema, dict) and "$ref" in schema:
        return str(schema["$ref"]).removeprefix(PREFIX)
    choices = schema.get("anyOf", ()) if isinstance(schema, dict) else ()
    return next((found for choice in choices if (found := _target(choice))), None)

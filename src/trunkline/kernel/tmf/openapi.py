"""OpenAPI 3.1, emitted from what is registered: the document says just what the server does."""

from collections.abc import Sequence
from typing import Any

from trunkline.kernel.tmf.face_schema import mount_schemas
from trunkline.kernel.tmf.mount import Mount
from trunkline.kernel.web import Endpoint

_ERROR = {
    "type": "object",
    "required": ["code", "reason", "@type"],
    "properties": {
        name: {"type": "string"}
        for name in ("code", "reason", "message", "status", "@type", "path", "hint", "correlationId")
    }
    | {"allowed": {"type": "array", "items": {"type": "string"}}},
}
_SchemaOf = dict[Any, dict[str, Any]]
_ERROR_CODES = ("400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422", "429", "500", "501", "503")
_LIST_PARAMETERS = (
    ("fields", "string", "Attributes to return, by comma; `none` for the identity alone"),
    ("offset", "integer", "How many records to pass over"),
    ("limit", "integer", "How many records to return"),
    ("sort", "string", "Attributes to sort by, by comma; a minus sorts downwards"),
    ("after", "string", "Cursor of the last record of the page before"),
    ("before", "string", "Cursor of the first record of the page after"),
    ("filter", "string", "JSONPath predicate: conditions on the same element of an array"),
    ("expand", "string", "References to answer with their records, by comma"),
    ("depth", "integer", "1: answer every reference with its record"),
)


def openapi(title: str, version: str, mounts: Sequence[Mount], endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document of these endpoints; `mounts` give the schemas of the record endpoints among them."""
    by_path = {path: mount for mount in mounts for path in (mount.path, f"{mount.path}/{{id}}")}
    bodies = [type_ for endpoint in endpoints for type_ in (endpoint.request, endpoint.response)]
    shown, schema_of, schemas = mount_schemas(mounts, [type_ for type_ in bodies if type_ not in (None, bytes)])
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        mount = by_path.get(endpoint.path)
        operation = _operation(endpoint)
        if mount is None:
            _plain(endpoint, operation, schema_of)
        else:
            _record(endpoint, mount, operation, shown[mount.path])
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR, **schemas},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"bearer": []}, {"basic": []}],
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": _operation_id(endpoint),
        "tags": list(endpoint.tags),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _placeholders(endpoint.path)
        ],
        "responses": {code: _json("Error", {"$ref": "#/components/schemas/Error"}) for code in _ERROR_CODES},
    }
    if endpoint.public:
        operation["security"] = []
    return operation


def _plain(endpoint: Endpoint, operation: dict[str, Any], schema_of: _SchemaOf) -> None:
    operation["parameters"] += [
        _query(one.name, one.kind, one.description, required=one.required) for one in endpoint.parameters
    ]
    if endpoint.request is bytes:
        octets = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": octets}
    elif endpoint.request is not None:
        content = {"application/json": {"schema": schema_of[endpoint.request]}}
        operation["requestBody"] = {"required": True, "content": content}
    success: dict[str, Any] = {"description": "Done"}
    if endpoint.response is not None:
        success = _json("Done", schema_of[endpoint.response])
    elif endpoint.media_type != "application/json":
        success["content"] = {endpoint.media_type: {"schema": {"type": "string"}}}
    for code in ("200", "201", "202", "204"):
        operation["responses"][code] = success if code != "204" else {"description": "Done"}


def _record(endpoint: Endpoint, mount: Mount, operation: dict[str, Any], schema: dict[str, Any]) -> None:
    one = {"schema": schema}
    responses = operation["responses"]
    if endpoint.method == "POST":
        required = [path for path in mount.required if "." not in path and "[" not in path]
        body = {"allOf": [one["schema"], {"type": "object", "required": required}]} if required else one["schema"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
        responses["201"] = {"description": "Created", "content": {"application/json": one}}
    elif endpoint.method == "PATCH":
        patch = {"schema": {"anyOf": [schema, {"type": "object"}]}}  # null removes whatever it stands for
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": patch, "application/merge-patch+json": patch}
            | {
                f"application/json-patch{query}+json": {"schema": {"type": "array", "items": {"type": "object"}}}
                for query in ("", "-query")
            },
        }
        responses["200"] = {"description": "Changed", "content": {"application/json": one}}
    elif endpoint.method == "DELETE":
        responses["204"] = {"description": "Deleted"}
    elif endpoint.path.endswith("}"):
        responses["200"] = {"description": "Found", "content": {"application/json": one}}
        responses["304"] = {"description": "Not changed since the given ETag"}
        operation["parameters"] += [
            _query("fields", "string", _LIST_PARAMETERS[0][2]),
            _query("asOf", "string", "Past instant"),
        ]
    else:
        many = {"application/json": {"schema": {"type": "array", "items": one["schema"]}}}
        responses["200"] = {"description": "All that match", "content": many}
        responses["206"] = {"description": "One page of those that match", "content": many}
        operation["parameters"] += [_query(*parameter) for parameter in _LIST_PARAMETERS]


def _query(name: str, kind: str, description: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": {"type": kind}, "description": description}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _placeholders(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _operation_id(endpoint: Endpoint) -> str:
    words = [part.strip("{}") for part in endpoint.path.split("/") if part]
    return "_".join([endpoint.method.lower(), *words]).replace("-", "_").replace(".", "_")

"""What a published contract says of one API: its operations with their schemas, its headers and its notifications."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tools.conformance.schemas import Schemas
from tools.entities import contract as published

KINDS = {
    ("post", False): "create",
    ("get", False): "list",
    ("get", True): "retrieve",
    ("patch", True): "patch",
    ("put", True): "replace",
    ("delete", True): "delete",
}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation on a resource.

    kind      create, list, retrieve, patch, replace or delete
    path      as the contract has it, with the parent's path where there is one: "/intent/{intentId}/intentReport"
    resource  last name on the path
    request   schema of the plain JSON body, None where there is none
    media     media types of the body
    answers   status → schema of the body, None where there is none
    headers   that the successful answer declares
    """

    kind: str
    path: str
    resource: str
    request: Any = None
    media: tuple[str, ...] = ()
    answers: dict[str, Any] = {}
    headers: tuple[str, ...] = ()


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """One API in one generation. `events` maps a notification's name to its schema."""

    api: str
    generation: int
    version: str
    operations: tuple[Operation, ...]
    hub: dict[str, Operation]
    events: dict[str, Any]
    schemas: Schemas

    @property
    def resources(self) -> tuple[str, ...]:
        """The resources on its paths."""
        return tuple(dict.fromkeys(operation.resource for operation in self.operations))

    def of(self, resource: str) -> dict[str, Operation]:
        """A resource's operations by kind."""
        return {operation.kind: operation for operation in self.operations if operation.resource == resource}


def read(path: Path) -> Contract:
    """Read a contract file. Its name says number and version."""
    number, _, rest = path.name.partition("-")
    version = rest.rpartition("-v")[2].removesuffix(".swagger.json").removesuffix(".oas.yaml")
    generation, content = int(version[0]), published.parse(path)
    reader = _Reader(content, generation)
    operations: list[Operation] = []
    hub: dict[str, Operation] = {}
    events: dict[str, Any] = {}
    for template, verbs in content["paths"].items():
        parts = template.strip("/").split("/")
        names = [part for part in parts if not part.startswith("{")]
        if parts[0] == "listener":
            name = parts[-1]
            events[name[0].upper() + name[1:]] = reader.body(verbs["post"])[0]
        else:
            found = list(reader.operations(template, names[-1], verbs))
            if names == ["hub"]:
                hub |= {operation.kind: operation for operation in found}
            else:
                operations += found
    return Contract(
        api=number,
        generation=generation,
        version=version,
        operations=tuple(operations),
        hub=hub,
        events=events,
        schemas=Schemas(content["components"]["schemas"] if generation > 4 else content["definitions"]),
    )


class _Reader:
    def __init__(self, content: dict[str, Any], generation: int) -> None:
        self._content = content
        self._older = generation == 4

    def operations(self, path: str, resource: str, verbs: dict[str, Any]) -> Iterator[Operation]:
        """The operations at a path."""
        one = path.endswith("}")
        for verb, said in verbs.items():
            if (verb, one) not in KINDS:
                continue
            request, media = self.body(said)
            answers = {str(status): self._resolved(answer) for status, answer in said["responses"].items()}
            success: dict[str, Any] = next(
                (answer for status, answer in answers.items() if status in ("200", "201")), {}
            )
            yield Operation(
                kind=KINDS[verb, one],
                path=path,
                resource=resource,
                request=request,
                media=media,
                answers={status: self._schema(answer) for status, answer in answers.items()},
                headers=tuple(success.get("headers", ())),
            )

    def body(self, said: dict[str, Any]) -> tuple[Any, tuple[str, ...]]:
        """The schema of a request's plain JSON body, and its media types."""
        if self._older:
            parameters = (self._resolved(parameter) for parameter in said.get("parameters", ()))
            schema = next((parameter["schema"] for parameter in parameters if parameter.get("in") == "body"), None)
            media = tuple(text.partition(";")[0] for text in said.get("consumes", ("application/json",)))
            return schema, media if schema is not None else ()
        content = self._resolved(said.get("requestBody", {})).get("content", {})
        return self._plain(content), tuple(content)

    def _schema(self, answer: dict[str, Any]) -> Any:
        return answer.get("schema") if self._older else self._plain(answer.get("content", {}))

    def _plain(self, content: dict[str, Any]) -> Any:
        """The schema of application/json, with or without a parameter."""
        return next(
            (said.get("schema") for media, said in content.items() if media.startswith("application/json")), None
        )

    def _resolved(self, node: Any) -> Any:
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            found: Any = self._content
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

"""One contract file, read into the few parts that the generator uses."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

_FILE = re.compile(r"TMF(?P<number>\d+)-\w+-v(?P<version>(?P<generation>\d+)[\d.]*)\.(?:oas\.yaml|swagger\.json)")


class Contract(msgspec.Struct, frozen=True):
    """An API as published: its schemas by name and its paths. `generation` is 4 (Swagger 2.0) or 5 (OpenAPI 3)."""

    number: int
    generation: int
    version: str
    file: str
    schemas: dict[str, Any]
    paths: dict[str, Any]


class _PlainLoader(yaml.CSafeLoader):
    """Leaves dates as text: the examples hold dates that do not exist, and others would turn into date objects."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def files(folder: Path) -> dict[tuple[int, int], Path]:
    """The contract files of the folder by API number and generation; of several versions the highest."""
    found: dict[tuple[int, int], Path] = {}
    for path in sorted(folder.iterdir()):
        match = _FILE.fullmatch(path.name)
        if match:
            found[int(match["number"]), int(match["generation"])] = path
    return found


def parse(path: Path) -> dict[str, Any]:
    """The file's whole content."""
    text = path.read_text(encoding="utf-8")
    content = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=_PlainLoader)  # noqa: S506 (a safe loader)
    return dict(content)


def read(path: Path) -> Contract:
    """Read a contract file. Its name says number and version."""
    match = _FILE.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path.name} is not named as a contract")
    content = parse(path)
    return Contract(
        number=int(match["number"]),
        generation=int(match["generation"]),
        version=match["version"],
        file=path.name,
        schemas=content["components"]["schemas"] if "components" in content else content["definitions"],
        paths=content["paths"],
    )

"""The committed entities against the published contracts. Needs the contracts, which are not part of the project."""

import ast
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tools.entities.__main__ import ROOT, contracts_folder, generated, stale
from tools.entities.contract import files, parse
from tools.entities.plan import SHARED, Module, Planner, read_table
from trunkline.kernel.tmf.apis import APIS
from trunkline.kernel.tmf.entity import EntityInfo

# The only examples in the contracts that break their own contract: a month that does not exist, a size without its unit.
BROKEN_EXAMPLES = (
    "`$.validFor.endDateTime`",
    "`$.billDocument[0].size`",
    "`$.completionDate`",
    "`$.partyRevSharingReportItem[1].billPeriod.endDateTime`",
    "`$.note[0].date`",
)


@pytest.fixture(scope="module")
def contracts() -> Path:
    folder = contracts_folder()
    if not folder.is_dir():
        message = f"The contracts are not in {folder}; TRUNKLINE_SHARED names the folder that holds them as tmf/."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="module")
def modules(contracts: Path) -> list[Module]:
    return Planner(contracts, read_table()).modules()


def _python(module: Module) -> Any:
    name = "types" if module.name == SHARED else "entities"
    return importlib.import_module(f"trunkline.{module.name}.{name}")


def _resources(modules: list[Module]) -> Iterator[tuple[EntityInfo, type[msgspec.Struct]]]:
    for module in modules:
        python = _python(module)
        for value in list(vars(python).values()):
            if isinstance(value, EntityInfo):
                yield value, getattr(python, value.name)


def test_the_committed_files_are_as_generated(modules: list[Module], tmp_path: Path) -> None:
    texts = generated(modules)
    assert stale(texts, ROOT) == [], "run `make entities`"
    for path, text in texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    edited, removed = list(texts)[3:5]
    (tmp_path / edited).write_text(texts[edited] + "# edited\n", "utf-8")
    (tmp_path / removed).unlink()
    assert stale(texts, tmp_path) == [edited, removed]


def test_every_attribute_is_there_by_its_wire_name(modules: list[Module]) -> None:
    for module in modules:
        python = _python(module)
        for name, attributes in module.shapes.items():
            fields = {field.encode_name for field in msgspec.structs.fields(getattr(python, name))}
            assert fields == set(attributes), f"{module.name}.{name}"


def test_no_sentence_is_copied(modules: list[Module]) -> None:
    for module in modules:
        tree = ast.parse(Path(_python(module).__file__).read_text("utf-8"))
        texts = [
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        assert texts.pop(0).startswith(("Typed views", "Value types"))
        assert [text for text in texts if len(text.split()) > 2] == []  # a state may be two words


WITHOUT_EXAMPLES = ("ManagedPolicy", "PolicyCatalog", "PolicyDomain", "OnDemandCollection", "IntentReport")


def test_the_examples_of_the_contracts_fit(contracts: Path, modules: list[Module]) -> None:
    newest = {number: path for (number, generation), path in files(contracts).items() if generation == 5}
    by_api: dict[int, list[tuple[EntityInfo, type[msgspec.Struct]]]] = {}
    for info, entity in _resources(modules):
        number = int(info.api.removeprefix("TMF"))
        if number in newest and number != 672:
            by_api.setdefault(number, []).append((info, entity))
    assert len(by_api) == 31
    for number, resources in by_api.items():
        content = parse(newest[number])
        for info, entity in resources:
            documents = list(_examples(content, info.resource))
            assert bool(documents) != info.name.startswith(WITHOUT_EXAMPLES), info.name
            problems = [problem for document in documents if (problem := _problem(document, entity))]
            assert [text for text in problems if not text.endswith(BROKEN_EXAMPLES)] == [], info.name


def _problem(document: Any, entity: type[msgspec.Struct]) -> str | None:
    try:
        msgspec.convert(document, entity)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _examples(content: dict[str, Any], resource: str) -> Iterator[Any]:
    """The example answers of a resource's operations, lists taken apart."""
    for path in (f"/{resource}", f"/{resource}/{{id}}"):
        for operation in content["paths"].get(path, {}).values():
            for code, answer in operation["responses"].items():
                bodies = _resolve(content, answer).get("content", {}) if code.startswith("20") else {}
                for body in bodies.values():
                    for example in body.get("examples", {}).values():
                        value = _resolve(content, example)["value"]
                        yield from value if isinstance(value, list) else [value]


def _resolve(content: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = content
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return _resolve(content, found)


def test_the_table_of_apis_is_that_of_the_contracts_and_of_the_domains(contracts: Path) -> None:
    versions: dict[int, list[str]] = {}
    for number, generation in sorted(files(contracts)):
        version = files(contracts)[number, generation].name.split("-v")[1].partition(".swagger")[0].partition(".oas")[0]
        versions.setdefault(number, []).append(version)
    versions[672].remove("5.0.0")  # a beta that knows neither permission nor userRole
    assert {api.number: list(api.versions) for api in APIS} == {api.number: versions[api.number] for api in APIS}
    owned = [number for owner in read_table().modules.values() for number in owner.apis]
    assert sorted(owned) == [api.number for api in APIS]
    assert len({api.segment for api in APIS}) == len(APIS)


WRONG = {
    "string": 7,
    "number": "seven",
    "integer": 7.5,
    "boolean": "true",
    "datetime": "yesterday",
    "date": "2026-02-30",
}


def test_wrong_types_are_refused_and_unknown_attributes_are_not(modules: list[Module]) -> None:
    python = {module.name: _python(module) for module in modules}
    tried = 0
    for module in modules:
        for name, attributes in module.shapes.items():
            entity = getattr(python[module.name], name)
            view = msgspec.convert({"unheardOf": {"inside": [1]}}, entity)
            assert not hasattr(view, "unheard_of")
            for attribute, kind in attributes.items():
                wrong = WRONG.get(kind.kind, "text" if kind.kind in ("entity", "object") else None)
                if wrong is None:
                    continue
                with pytest.raises(msgspec.ValidationError):
                    msgspec.convert({attribute: [wrong] if kind.many else wrong}, entity)
                tried += 1
    assert tried > 2000

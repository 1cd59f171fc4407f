"""The documents say what is there: paths, links, commands and targets that they name exist; every domain has its README."""

import importlib
import re
from pathlib import Path

import click
import pytest

from trunkline.app.cli import COMMANDS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "trunkline"
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
READMES = sorted(path for top in ("src", "lab") for path in (ROOT / top).rglob("README.md"))
SECTIONS = ("**Owns**", "**Does not own**")

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
_PATH = re.compile(r"[A-Za-z_.][\w.-]*(?:/[\w.-]+)*/?")
_FILE_ENDINGS = (".py", ".md", ".toml", ".json", ".lock", ".sh", ".typ", ".svg", ".jsonl", ".conf")
_COMMAND = re.compile(r"(?:\.venv/bin/)?trunkline((?: [a-z][a-z-]*)*)")
_TARGET = re.compile(r"make ([a-z][a-z0-9-]*)")

MADE_AT_RUN_TIME = {"var/trunkline", "run.json", "radius.toml", "postgres.lock", "mappings/NAME.toml", "noc/api.conf"}
"""Named in the documents, made or read by an installation, or the laboratory, in its home."""
FILE_NAMES = {path.name for top in ("src", "tests", "lab", "tools") for path in (ROOT / top).rglob("*.*")}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _spans(page: Path) -> list[str]:
    return [span.strip() for span in _SPAN.findall(_FENCE.sub("", page.read_text("utf-8")))]


def _looks_like_a_path(span: str) -> bool:
    return bool(_PATH.fullmatch(span)) and ("/" in span or span.endswith(_FILE_ENDINGS))


def _is_there(span: str, page: Path) -> bool:
    """From the project's root, from the source, or from beside the page; a bare name may be that of a kind of file that
    parts have, as `resources.py`."""
    if "/" not in span and span in FILE_NAMES:
        return True
    return any((place / span).exists() for place in (ROOT, SOURCE, SOURCE / "kernel", ROOT / "lab", page.parent))


def test_there_are_documents_to_look_at() -> None:
    assert len(PAGES) > 20
    assert len(READMES) > 25
    assert sum(_looks_like_a_path(span) for page in PAGES for span in _spans(page)) > 100


@pytest.mark.parametrize("page", PAGES + READMES, ids=_name)
def test_paths_in_backticks_exist(page: Path) -> None:
    missing = [
        span
        for span in _spans(page)
        if _looks_like_a_path(span) and span not in MADE_AT_RUN_TIME and not _is_there(span, page)
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES + READMES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES + READMES, ids=_name)
def test_commands_and_targets_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    indented = [line.strip().lstrip("$ ") for line in text.splitlines() if line.startswith("    ")]
    said = [*_spans(page), *(line.split("  #")[0] for line in indented)]
    for words in said:
        if found := _COMMAND.match(words):
            _resolve(found[1].split(), words)
        if target := _TARGET.match(words):
            assert re.search(rf"^{re.escape(target[1])}:", (ROOT / "Makefile").read_text(), re.MULTILINE), words


def _resolve(words: list[str], said: str) -> None:
    if not words:
        return
    assert words[0] in COMMANDS, said
    module, _, name = COMMANDS[words[0]][0].partition(":")
    command: click.Command = getattr(importlib.import_module(module), name)
    for word in words[1:]:
        if not isinstance(command, click.Group):
            return  # what follows are arguments
        assert word in command.commands, said
        command = command.commands[word]


def _domains() -> list[Path]:
    return sorted(path.parent for side in ("bss", "oss") for path in (SOURCE / side).glob("*/__init__.py"))


@pytest.mark.parametrize("domain", _domains(), ids=_name)
def test_every_domain_says_what_it_owns(domain: Path) -> None:
    text = (domain / "README.md").read_text("utf-8")
    assert [section for section in SECTIONS if section not in text] == []


@pytest.mark.parametrize(
    "part", sorted(p.parent for p in SOURCE.glob("*/*/__init__.py") if p.parts[-3] in {"kernel", "adapters"}), ids=_name
)
def test_every_part_of_the_kernel_and_every_adapter_has_a_readme(part: Path) -> None:
    assert (part / "README.md").exists()


def test_every_decision_is_listed_with_its_parts() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    listed = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text("utf-8")
        assert f"]({path.name})" in listed
        assert [
            part
            for part in ("**Context.**", "**Decision.**", "**Measured.**", "**Consequences.**")
            if text.count(part) != 1
        ] == []


def test_the_pictures_fetch_nothing() -> None:
    for picture in (ROOT / "docs" / "pictures").glob("*.svg"):
        assert set(re.findall(r"https?://[^\"'\s)]+", picture.read_text("utf-8"))) <= {"http://www.w3.org/2000/svg"}

"""Records as a folder of files, one JSON file a record, for keeping under version control: write, compare, store.

A file is `<resource>/<id>.json` with the document but for what an installation sets itself (`href`, `lastUpdate`), its
attributes in order: the same records make the same bytes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, ReadSession, UnitOfWork
from trunkline.kernel.errors import Invalid, TrunklineError
from trunkline.kernel.tmf.document import Document, parse_body
from trunkline.kernel.tmf.page import scan
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.transfer.contracts import Advance, ImportReport, ImportRequest, Row, RowProblem
from trunkline.kernel.transfer.importing import import_records
from trunkline.kernel.web.json_check import check_json

AnyResource = Resource[Any]
_OURS = ("href", "lastUpdate")
_SUFFIX = ".json"
_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is not the same in the files and in the installation: what stands in its file here and there, None
    where it is not."""

    path: str
    installed: str | None
    filed: str | None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A file that cannot be stored, and why."""

    path: str
    reason: str
    at: str | None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What storing a folder did, or, of a dry run or with problems, would have done."""

    created: int
    changed: int
    unchanged: int
    deleted: int
    problems: list[Problem]


class _Undone(Exception):
    """Takes back what was tried."""


def text_of(document: Document) -> str:
    """The file's content: numbers as exact as they are stored."""
    kept = {name: value for name, value in document.items() if name not in _OURS}
    return msgspec.json.format(_encoder.encode(kept), indent=2).decode() + "\n"


async def write_tree(
    database: Database, resources: Sequence[AnyResource], folder: Path, context: Context
) -> tuple[int, int]:
    """Make the folder hold these resources' records: (files written, files removed). Files that are right already are not
    touched, others than records' files neither. Raises OSError."""
    written = removed = 0
    async with database.read() as session:
        for resource in resources:
            there = _files(folder, resource)
            async for documents in scan(session, resource, (), context):
                for document in documents:
                    path, content = _path(folder, resource, document["id"]), text_of(document).encode()
                    there.discard(path)
                    if not path.is_file() or path.read_bytes() != content:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(content)
                        written += 1
            for path in there:
                path.unlink()
                removed += 1
    return written, removed


async def compare_tree(
    session: ReadSession, resources: Sequence[AnyResource], folder: Path, context: Context
) -> tuple[list[Difference], list[Problem]]:
    """What differs between files and installation, in the order of the resources, and the files that cannot be read."""
    found, problems = [], []
    for resource in resources:
        filed: dict[str, str] = {}
        for path, row in _rows(folder, resource):
            try:
                if row.problem or row.document is None:
                    raise row.problem or Invalid("invalidRow", "Nothing stands there.")
                filed[path] = text_of(resource.completed(row.document))
            except TrunklineError as error:
                problems.append(Problem(path=path, reason=str(error), at=error.path))
                filed[path] = row.text
        async for documents in scan(session, resource, (), context):
            for document in documents:
                path = _name(_path(folder, resource, document["id"]), folder)
                here, there = text_of(document), filed.pop(path, None)
                if here != there:
                    found.append(Difference(path=path, installed=here, filed=there))
        found += [Difference(path=path, installed=None, filed=text) for path, text in sorted(filed.items())]
    return found, problems


async def store_tree(
    database: Database,
    resources: Sequence[AnyResource],
    folder: Path,
    context: Context,
    *,
    delete: bool = False,
    dry_run: bool = False,
) -> Stored:
    """Make the installation hold what the files say, all of it or, with a problem, nothing: one transaction.

    resources  those that others refer to first
    delete     whether records without a file go; otherwise they stay
    A record is changed under its life cycle. Events and audit entries as of any change, the latter with the context's
    reason.
    """
    reports: list[ImportReport] = []
    problems: list[Problem] = []
    deleted = 0
    try:
        async with database.unit_of_work() as uow:
            for resource in resources:
                report, refused = await _store(database, uow, resource, folder, context)
                reports.append(report)
                problems += refused
            for resource in reversed(resources) if delete else ():
                gone, refused = await _delete(uow, resource, folder, context)
                deleted += gone
                problems += refused
            if dry_run or problems:
                raise _Undone
    except _Undone:
        pass
    return Stored(
        created=sum(report.created for report in reports),
        changed=sum(report.changed for report in reports),
        unchanged=sum(report.unchanged for report in reports),
        deleted=deleted,
        problems=problems,
    )


async def _store(
    database: Database, uow: UnitOfWork, resource: AnyResource, folder: Path, context: Context
) -> tuple[ImportReport, list[Problem]]:
    named = dict(enumerate(_rows(folder, resource), 1))
    rows = [msgspec.structs.replace(row, line=line) for line, (_, row) in named.items()]
    refused: list[RowProblem] = []

    async def tell(advance: Advance) -> None:
        refused.extend(advance.problems)

    request = ImportRequest(name=resource.name)
    report = await import_records(database, resource, rows, request, context, tell, unit=uow)
    return report, [Problem(path=named[row.line][0], reason=row.reason, at=row.path) for row in refused]


async def _delete(uow: UnitOfWork, resource: AnyResource, folder: Path, context: Context) -> tuple[int, list[Problem]]:
    filed, gone, problems = _files(folder, resource), 0, []
    extra = [
        document["id"]
        async for documents in scan(uow, resource, (), context)
        for document in documents
        if _path(folder, resource, document["id"]) not in filed
    ]
    for id_ in extra:
        try:
            async with uow.savepoint():
                await resource.delete(uow, id_, context)
            gone += 1
        except TrunklineError as error:
            name = _name(_path(folder, resource, id_), folder)
            problems.append(Problem(path=name, reason=f"The record cannot be deleted. {error}", at=None))
    return gone, problems


def _rows(folder: Path, resource: AnyResource) -> Iterator[tuple[str, Row]]:
    """The files' rows, each with the file's name inside the folder, in the order of names."""
    for path in sorted(_files(folder, resource)):
        yield _name(path, folder), _row(path)


def _row(path: Path) -> Row:
    raw = path.read_bytes()
    text = raw.decode(errors="replace")
    try:
        check_json(raw)
        document = parse_body(raw)
        if not isinstance(document, dict):
            raise Invalid("invalidRow", "A record's file holds a JSON object.", path="$")
        id_ = unquote(path.name.removesuffix(_SUFFIX))
        if document.setdefault("id", id_) != id_:
            raise Invalid("otherId", f"The file is named for the record {id_}, but holds another.", path="$.id")
    except Invalid as problem:
        return Row(line=1, text=text, problem=problem)
    return Row(line=1, text=text, document=document)


def _files(folder: Path, resource: AnyResource) -> set[Path]:
    return {path for path in (folder / resource.name).glob(f"*{_SUFFIX}") if path.is_file()}


def _path(folder: Path, resource: AnyResource, id_: str) -> Path:
    # a leading dot would hide the file, and quote leaves it alone
    name = quote(id_, safe=" ")
    return folder / resource.name / f"{'%2E' + name[1:] if name.startswith('.') else name}{_SUFFIX}"


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()

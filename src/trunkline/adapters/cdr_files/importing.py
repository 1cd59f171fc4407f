"""Files into usage: which records a file holds, as mediation takes them; and reading rejected ones again."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO

import msgspec

from trunkline.adapters.cdr_files.detail import DetailRecord, read_detail
from trunkline.adapters.cdr_files.lines import read_lines
from trunkline.adapters.cdr_files.mapping import CdrLine, CdrReader, mapping_names, reader_of
from trunkline.bss.usage import facade
from trunkline.bss.usage.contracts import (
    File,
    ImportReport,
    Kept,
    Origin,
    RawAccounting,
    RawEvent,
    RawInput,
    Refused,
    Reprocessed,
    Selection,
)
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Invalid
from trunkline.kernel.period import zone

DETAIL = "detail"
MAPPINGS_FOLDER = "mappings"
_CHUNK = 1 << 20


class ImportFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to feed.

    mapping  "detail" for FreeRADIUS detail files, else the name of a declared mapping
    zone     of a detail file: the RADIUS server's, for dates without offset
    """

    name: str
    mapping: str
    zone: str = "UTC"


class Advance(msgspec.Struct, frozen=True):
    """How far an import is, in records and in octets of the file."""

    records: int
    octets: int
    octets_total: int


Progress = Callable[[Advance], Awaitable[None]]


def formats(home: Path) -> dict[str, str]:
    """What can be read: name → title. A mapping in the installation's `mappings` folder goes before ours."""
    return {DETAIL: "FreeRADIUS detail file"} | mapping_names(home / MAPPINGS_FOLDER)


async def import_path(
    database: Database, path: Path, request: ImportFile, home: Path, context: Context, progress: Progress
) -> ImportReport:
    """Feed a file of this machine; `.gz` is unpacked. Feeding it again, also after a crash, changes nothing more.

    Raises Invalid for an unknown mapping or zone, and when the file cannot be read. Of a packed file that is cut off or
    damaged what can be read is stored first; fed again whole, it brings the rest.
    """
    try:
        with path.open("rb") as file:
            return await import_file(database, file, request, home, context, progress)
    except OSError as error:
        raise Invalid("unreadableFile", f"{path} cannot be read: {error.strerror or error}.", path="$.file") from error


async def import_file(
    database: Database, file: IO[bytes], request: ImportFile, home: Path, context: Context, progress: Progress
) -> ImportReport:
    """As `import_path`, for an open file that can seek."""
    source = _Source(request, home)
    digest = sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    total = file.tell()
    file.seek(0)
    records = 0

    async def advance(more: int) -> None:
        nonlocal records
        records += more
        await progress(Advance(records, min(file.tell(), total), total))

    description = File(name=request.name, sha256=digest.hexdigest(), mapping=request.mapping)
    report = await facade.import_records(
        database, description, lambda batch_id: source.records(file, batch_id, context), context, advance
    )
    if not records:
        await advance(0)
    return report


async def reprocess(
    database: Database, selection: Selection, home: Path, context: Context, *, detail_zone: str = "UTC"
) -> Reprocessed:
    """Process held records again: suspended ones are rated anew, rejected ones of files are read anew with the mapping
    (for detail files: the time zone) as it is given now."""
    sources: dict[str, _Source | None] = {}

    def reread(kept: Kept) -> RawInput | None:
        if kept.source not in sources:
            known = kept.source in formats(home)
            request = ImportFile(name="", mapping=kept.source, zone=detail_zone)
            sources[kept.source] = _Source(request, home) if known else None
        source = sources[kept.source]
        origin = Origin(
            source=kept.source, source_ref=kept.source_ref, received_at=kept.received_at, batch_id=kept.batch_id
        )
        return None if source is None else source.again(kept, origin)

    return await facade.reprocess(database.unit_of_work, selection, context, reread)


class _Source:
    """Makes the records of one file."""

    def __init__(self, request: ImportFile, home: Path) -> None:
        self._name = request.name
        self._mapping = request.mapping
        self._zone_name = request.zone
        self._zone = zone(request.zone, "$.zone")
        self._reader: CdrReader | None = None
        if request.mapping != DETAIL:
            self._reader = reader_of(request.mapping, home / MAPPINGS_FOLDER)

    def records(self, file: IO[bytes], batch_id: str, context: Context) -> Iterator[RawInput]:
        """All records, read as they are asked for."""

        def origin(line: int) -> Origin:
            reference = f"{self._name}:{line}"
            return Origin(source=self._mapping, source_ref=reference, received_at=context.now, batch_id=batch_id)

        refused: Counter[str] = Counter()
        lines = read_lines(file, self._reader.mapping.encoding if self._reader else "utf-8", self._name)
        if self._reader is None:
            for record in read_detail(lines, self._zone):
                yield _told_apart(self._accounting(record, origin(record.line)), refused)
        else:
            for line in self._reader.read(lines):
                yield _told_apart(self._event(line, origin(line.number)), refused)

    def again(self, kept: Kept, origin: Origin) -> RawInput | None:
        """A kept record, read anew; one that is still no usage goes by the name it had."""
        text = kept.body.get("text")
        if not isinstance(text, str):
            return RawAccounting(attributes=kept.body, origin=origin, zone=self._zone_name)
        if self._reader is None:
            record = next(read_detail([*text.splitlines(), ""], self._zone), None)
            raw = None if record is None else self._accounting(record, origin)
        else:
            raw = self._event(self._reader.read_again(text, kept.body.get("header")), origin)
        return msgspec.structs.replace(raw, refused_key=kept.dedupe_key) if isinstance(raw, RawEvent) else raw

    def _accounting(self, record: DetailRecord, origin: Origin) -> RawInput:
        if record.refused is not None or record.received_at is None:
            refused = record.refused
            assert refused is not None
            return RawEvent(body={"text": record.text}, origin=origin, read=refused, refused_key=record.key)
        stamped = msgspec.structs.replace(origin, received_at=record.received_at)
        return RawAccounting(attributes=dict(record.attributes), origin=stamped, zone=self._zone_name)

    @staticmethod
    def _event(line: CdrLine, origin: Origin) -> RawInput:
        body = {"text": line.text} if line.header is None else {"text": line.text, "header": line.header}
        return RawEvent(body=body, origin=origin, read=line.read, refused_key=line.key)


def _told_apart(raw: RawInput, refused: Counter[str]) -> RawInput:
    """Lines that cannot be read have no key but their text. That several of a file say the same is no repetition: each is
    one that somebody has to look at. Fed again, the file's second such line is again its second."""
    if not isinstance(raw, RawEvent) or not isinstance(raw.read, Refused):
        return raw
    refused[raw.refused_key] += 1
    times = refused[raw.refused_key]
    return raw if times == 1 else msgspec.structs.replace(raw, refused_key=f"{raw.refused_key}#{times}")

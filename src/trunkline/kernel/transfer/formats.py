"""Records as lines of text: NDJSON, one document a line, or CSV (RFC 4180), one attribute a column.

In a cell of CSV an attribute of text or of an instant stands as it is, any other value as JSON. Text that begins with a
quotation mark, is empty or only looks like nothing is written as JSON too, so that what is read is what was written; an
empty cell says that the attribute is not there.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import IO, Any

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.document import Document, encode, parse_body
from trunkline.kernel.tmf.schema import attribute_type, nearest
from trunkline.kernel.transfer.contracts import Row
from trunkline.kernel.web.body import SIZE_MAX
from trunkline.kernel.web.json_check import check_json

FORMATS = ("ndjson", "csv")
MEDIA_TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv"}
_BOM = b"\xef\xbb\xbf"
_PLAIN = ("string", "datetime", "date")


def format_of(name: str) -> str:
    """The format that a file's name tells: `.csv`, else NDJSON; `.gz` is looked through."""
    path = PurePath(name.removesuffix(".gz"))
    return "csv" if path.suffix.lower() == ".csv" else "ndjson"


def form_of_media(media_type: str) -> str:
    """The format of a media type. Raises Invalid for another."""
    given = media_type.partition(";")[0].strip().lower()
    for form, known in MEDIA_TYPES.items():
        if given == known:
            return form
    raise Invalid(
        "unknownFormat",
        f"{media_type[:60]!r} is no form that records are exchanged in.",
        path="$.contentType",
        allowed=tuple(MEDIA_TYPES.values()),
    )


def read_rows(file: IO[bytes], form: str, entity: type[msgspec.Struct]) -> Iterator[Row]:
    """The rows of an open file, read as they are asked for. Raises Invalid for a CSV whose first line is not one of
    attributes; a row that cannot be read says so itself."""
    return _read_csv(file, entity) if form == "csv" else _read_ndjson(file)


def csv_header(columns: Sequence[str]) -> bytes:
    """The first line of CSV."""
    return _csv_line(columns)


def csv_lines(documents: Iterable[Document], columns: Sequence[str], entity: type[msgspec.Struct]) -> Iterator[bytes]:
    """Documents as lines of CSV, without the header."""
    plain = {name: _is_plain(entity, name) for name in columns}
    for document in documents:
        yield _csv_line([_cell(document.get(name), plain[name]) for name in columns])


def _csv_line(cells: Sequence[str], end: str = "\r\n") -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=end).writerow(cells)
    return buffer.getvalue().encode()


def _read_ndjson(file: IO[bytes]) -> Iterator[Row]:
    number = 0
    while raw := file.readline(SIZE_MAX + 1):
        number += 1
        if len(raw) > SIZE_MAX:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(SIZE_MAX + 1)
            problem = Invalid("tooLarge", f"A record has at most {SIZE_MAX} bytes.", path="$")
            yield Row(line=number, text="", problem=problem)
            continue
        line = raw.removeprefix(_BOM).strip()
        if line:
            yield _row(number, line)


def _row(number: int, line: bytes) -> Row:
    text = line.decode(errors="replace")
    try:
        check_json(line)
        document = parse_body(line)
    except Invalid as problem:
        return Row(line=number, text=text, problem=problem)
    if not isinstance(document, dict):
        return Row(line=number, text=text, problem=Invalid("invalidRow", "A row is a JSON object.", path="$"))
    return Row(line=number, text=text, document=document)


def _read_csv(file: IO[bytes], entity: type[msgspec.Struct]) -> Iterator[Row]:
    csv.field_size_limit(SIZE_MAX)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="strict", newline="")
    try:
        yield from _csv_rows(csv.reader(text, strict=True), entity)
    finally:
        text.detach()  # the file is the caller's to close


def _csv_rows(lines: Any, entity: type[msgspec.Struct]) -> Iterator[Row]:
    columns = _header(lines, entity)
    plain = [_is_plain(entity, name) for name in columns]
    begin = lines.line_num + 1
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError) as error:
            # what follows cannot be told apart any more: a quotation mark is open, or the text is in another encoding
            raise Invalid(
                "unreadableFile",
                f"The file cannot be read beyond line {begin}.",
                message=f"{error}. What stood before it is dealt with.",
                hint="Save it as CSV in UTF-8.",
            ) from error
        if cells:
            yield _csv_row(begin, cells, columns, plain)
        begin = lines.line_num + 1


def _header(lines: Any, entity: type[msgspec.Struct]) -> list[str]:
    try:
        columns: list[str] = next(lines, [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise Invalid("unreadableFile", "The file is not CSV in UTF-8.", message=f"{error}.") from error
    if not columns or len(set(columns)) != len(columns) or not all(columns):
        raise Invalid(
            "invalidHeader",
            "The first line of a CSV file names the attributes, each once.",
            message=f"It reads: {','.join(columns)[:200]!r}.",
        )
    if not any(attribute_type(entity, name) for name in columns):
        meant = nearest(entity, columns[0])
        raise Invalid(
            "invalidHeader",
            f"No column is an attribute of a {entity.__name__}.",
            message=f"Did you mean {meant}?" if meant else None,
            hint="Export one record to see what the columns are called.",
        )
    return columns


def _csv_row(number: int, cells: list[str], columns: list[str], plain: list[bool]) -> Row:
    text = _csv_line(cells, "").decode()
    if len(cells) != len(columns):
        problem = Invalid("invalidRow", f"The row has {len(cells)} cells, the first line {len(columns)}.", path="$")
        return Row(line=number, text=text, problem=problem)
    document: Document = {}
    for name, cell, is_plain in zip(columns, cells, plain, strict=True):
        try:
            document[name] = _value(cell, is_plain)
        except Invalid as error:
            problem = Invalid(
                "invalidCell", f"{name} is not JSON.", message=error.message, path=f"$.{name}", hint='Text: "text".'
            )
            return Row(line=number, text=text, problem=problem)
    return Row(line=number, text=text, document=document, whole=False)


def _is_plain(entity: type[msgspec.Struct], name: str) -> bool:
    known = attribute_type(entity, name) if "." not in name else None
    return known is not None and known.kind in _PLAIN and not known.many


def _cell(value: Any, plain: bool) -> str:
    if value is None:
        return ""
    if plain and isinstance(value, str) and value and not value.startswith('"'):
        return value
    return encode(value).decode()


def _value(cell: str, plain: bool) -> Any:
    if not cell:
        return None
    if plain and not cell.startswith('"'):
        raw = encode(cell)
        check_json(raw)
        return cell
    raw = cell.encode()
    check_json(raw)
    return parse_body(raw)

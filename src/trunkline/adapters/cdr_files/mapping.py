"""Declared mappings: how the lines of a CDR file become usage. Data, in `mappings/*.toml` or the installation's home.

    title = "…"                     usage_type = "voice"
    delimiter = ","                 header = true              encoding = "utf-8"
    dedupe = ["callid"]             what makes a record the same record

    [identifier]  kind = "msisdn"   column = "caller"          remove_prefix = ["+", "00"]
    [quantity]    column = "billsec"  unit = "second"
    [occurred_at] column = "start"  format = "epoch" or of strptime   zone = "Europe/Berlin"
    [[free]]      column = "disposition"  unless = ["ANSWER"]   reason = "not-answered"     (or `when`)
    [facts]       destination = "called"

A column is its name in the header, or its number from 0 where there is no header.
"""

import csv
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import msgspec

from trunkline.adapters.cdr_files.lines import check_length
from trunkline.bss.usage.contracts import IdentifierKind, Refused, UsageEvent
from trunkline.kernel.errors import Invalid
from trunkline.kernel.period import zone
from trunkline.kernel.quantity import multiple

QUANTITY_MAX = 1 << 52
Column = str | int


class IdentifierRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who used it. A prefix that the numbers of this source may carry is taken off."""

    kind: IdentifierKind
    column: Column
    remove_prefix: tuple[str, ...] = ()


class QuantityRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much: a whole number of a unit of `kernel.quantity`."""

    column: Column
    unit: str


class TimeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When. `format` is "epoch" (seconds) or a pattern as of strptime; `zone` where that gives no offset."""

    column: Column
    format: str
    zone: str = "UTC"


class FreeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not charged: a column that has one of `when`, or none of `unless`."""

    column: Column
    reason: str
    when: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    def holds(self, value: str) -> bool:
        return value in self.when or bool(self.unless and value not in self.unless)


class CdrMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping as declared."""

    title: str
    usage_type: str
    identifier: IdentifierRule
    quantity: QuantityRule
    occurred_at: TimeRule
    dedupe: tuple[Column, ...]
    delimiter: str = ","
    header: bool = False
    encoding: str = "utf-8"
    free: tuple[FreeRule, ...] = ()
    facts: dict[str, Column] = {}


class CdrLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a file, read: a usage, or why it is none. `key` names the line where it has no usage; `header` is the
    file's header line, where it has one."""

    number: int
    text: str
    header: str | None
    read: UsageEvent | Refused
    key: str


class CdrReader:
    """Reads lines by a mapping."""

    def __init__(self, name: str, mapping: CdrMapping) -> None:
        """Raises Invalid for an unknown unit or zone, and for a dedupe rule without columns."""
        self.name = name
        self.mapping = mapping
        self._unit, self._size = multiple(mapping.quantity.unit, "$.quantity.unit")
        self._zone: tzinfo = zone(mapping.occurred_at.zone, "$.occurred_at.zone")
        if not mapping.dedupe:
            raise Invalid("noDedupeColumns", "A mapping says which columns make a record the same.", path="$.dedupe")

    def read(self, lines: Iterable[str]) -> Iterator[CdrLine]:
        """The usage of a file's lines; empty lines are left out. One record a line: no line breaks inside quotes."""
        header: str | None = None
        places: dict[str, int] = {}
        for number, line in enumerate(lines, 1):
            text = line.rstrip("\r\n").lstrip("\ufeff")
            if not text.strip():
                continue
            if self.mapping.header and header is None:
                header, places = text, self._places(text)
                continue
            yield self._line(text, number, header, places)

    def read_again(self, text: str, header: str | None) -> CdrLine:
        """One line of a file that had this header."""
        return self._line(text, 0, header, {} if header is None else self._places(header))

    def _places(self, header: str) -> dict[str, int]:
        try:
            return {name.strip(): place for place, name in enumerate(self._split(header))}
        except Refused:
            return {}  # each line then lacks its columns, and says so

    def _line(self, text: str, number: int, header: str | None, places: Mapping[str, int]) -> CdrLine:
        try:
            check_length(text)
            read: UsageEvent | Refused = self._event(_Cells(self._split(text), places))
        except Refused as refused:
            read = refused
        key = f"line:{self.name}:{sha256(text.encode()).hexdigest()}"
        return CdrLine(number=number, text=text, header=header, read=read, key=key)

    def _split(self, text: str) -> Sequence[str]:
        try:
            return next(csv.reader([text], delimiter=self.mapping.delimiter, skipinitialspace=True, strict=True))
        except (csv.Error, StopIteration) as error:
            raise Refused("malformed-line", f"The line is not CSV: {error}.") from error

    def _event(self, cells: "_Cells") -> UsageEvent:
        mapping = self.mapping
        identity = "\x1f".join(cells.get(column) for column in mapping.dedupe)
        free = next((rule.reason for rule in mapping.free if rule.holds(cells.get(rule.column))), None)
        return UsageEvent(
            dedupe_key=f"cdr:{self.name}:{sha256(identity.encode()).hexdigest()}",
            usage_type=mapping.usage_type,
            identifier_kind=mapping.identifier.kind,
            identifier=self._identifier(cells.get(mapping.identifier.column)),
            quantity=self._quantity(cells.get(mapping.quantity.column)),
            unit=self._unit,
            occurred_at=self._instant(cells.get(mapping.occurred_at.column)),
            facts={name: cells.get(column) for name, column in mapping.facts.items()},
            free_reason=free,
        )

    def _identifier(self, text: str) -> str:
        for prefix in self.mapping.identifier.remove_prefix:
            if text.startswith(prefix):
                text = text.removeprefix(prefix)
                break
        if not text:
            raise Refused("missing-identifier", "The line does not say who used it.")
        return text

    def _quantity(self, text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            raise Refused("invalid-number", f"The quantity is {text[:40]!r}, not a whole number.")
        if text.startswith("-"):
            raise Refused("negative-number", f"The quantity is {text}.")
        if int(text) * self._size > QUANTITY_MAX:
            raise Refused("absurd-quantity", f"The quantity is {text} {self.mapping.quantity.unit}.")
        return int(text) * self._size

    def _instant(self, text: str) -> datetime:
        try:
            if self.mapping.occurred_at.format == "epoch":
                return datetime.fromtimestamp(int(text), UTC)
            local = datetime.strptime(text, self.mapping.occurred_at.format)  # noqa: DTZ007  # the zone follows
        except (ValueError, OverflowError, OSError) as error:
            raise Refused("invalid-time", f"{text[:60]!r} is not an instant as declared.") from error
        return (local.replace(tzinfo=self._zone) if local.tzinfo is None else local).astimezone(UTC)


class _Cells:
    """A line's cells by column."""

    def __init__(self, cells: Sequence[str], places: Mapping[str, int]) -> None:
        self._cells = cells
        self._places = places

    def get(self, column: Column) -> str:
        place = column if isinstance(column, int) else self._places.get(column, -1)
        if not 0 <= place < len(self._cells):
            raise Refused("missing-column", f"The line has no column {column!r}; it has {len(self._cells)} columns.")
        return self._cells[place].strip()


def mapping_names(folder: Path | None = None) -> dict[str, str]:
    """The declared mappings, name → title; those of `folder` go before ours."""
    return {name: _load(name, text).title for name, text in sorted(_texts(folder).items())}


def reader_of(name: str, folder: Path | None = None) -> CdrReader:
    """The reader of a declared mapping. Raises Invalid that lists the known ones, or says what is wrong in it."""
    texts = _texts(folder)
    if name not in texts:
        raise Invalid(
            "unknownMapping",
            f"There is no mapping {name!r}.",
            path="$.mapping",
            hint="One of your own goes into `mappings/NAME.toml` in the installation's home.",
            allowed=sorted(texts),
        )
    return CdrReader(name, _load(name, texts[name]))


def _load(name: str, text: str) -> CdrMapping:
    try:
        return msgspec.convert(tomllib.loads(text), CdrMapping)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid("invalidMapping", f"Mapping {name!r} cannot be used: {error}", path="$.mapping") from error


def _texts(folder: Path | None) -> dict[str, str]:
    ours = files("trunkline.adapters.cdr_files").joinpath("mappings")
    found = {e.name.removesuffix(".toml"): e.read_text("utf-8") for e in ours.iterdir() if e.name.endswith(".toml")}
    if folder is not None and folder.is_dir():
        found |= {path.stem: path.read_text("utf-8") for path in folder.glob("*.toml")}
    return found

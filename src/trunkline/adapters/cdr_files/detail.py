"""FreeRADIUS detail files: a date line, then one indented `Attribute = value` a line, then an empty line.

    Mon Nov 23 04:58:26 2026
            Acct-Status-Type = Start
            User-Name = "alice"
            Timestamp = 1795409906

A record that the file's end cuts off is refused, not guessed: the next feeding of the longer file brings it whole.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from hashlib import sha256

import msgspec

from trunkline.adapters.cdr_files.lines import check_length
from trunkline.bss.usage.contracts import Refused
from trunkline.bss.usage.model.accounting import read_date

LINES_MAX = 400
_HEADER = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d:\d\d) (\d{4})")
_PAIR = re.compile(r"\s+([A-Za-z0-9][A-Za-z0-9._:-]*) (?:=|:=|\+=) (.*)")
_ESCAPE = re.compile(r'((?:\\[0-7]{3})+)|\\(["\\rnt])')
_NAMED = {"r": "\r", "n": "\n", "t": "\t"}


class DetailRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the file, `line` being its date line's number: its attributes, or why it cannot be read."""

    line: int
    text: str
    received_at: datetime | None = None
    attributes: dict[str, str] = {}
    refused: Refused | None = None

    @property
    def key(self) -> str:
        """Of an unreadable record: the same text is the same record."""
        return "text:" + sha256(self.text.encode()).hexdigest()


def read_detail(lines: Iterable[str], zone: tzinfo = UTC) -> Iterator[DetailRecord]:
    """The records of a detail file. `zone` is that of the RADIUS server, whose date lines carry none."""
    block: list[str] = []
    first = 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            first = first if block else number
            block.append(line.rstrip("\r\n"))
            if len(block) > LINES_MAX:
                yield _refused(first, block, "malformed-detail", f"A record has more than {LINES_MAX} lines.")
                block = []
        elif block:
            yield _record(first, block, zone)
            block = []
    if block:
        yield _refused(first, block, "truncated", "The file ends inside the record.")


def _record(number: int, block: list[str], zone: tzinfo) -> DetailRecord:
    try:
        for line in block:
            check_length(line)
    except Refused as refused:
        return _refused(number, block, refused.code, refused.reason)
    header = _HEADER.fullmatch(block[0].strip())
    if header is None:
        return _refused(number, block, "malformed-detail", f"{block[0][:60]!r} is not a date line.")
    attributes: dict[str, str] = {}
    for offset, line in enumerate(block[1:], 1):
        pair = _PAIR.fullmatch(line)
        if pair is None:
            return _refused(number, block, "malformed-detail", f"Line {number + offset} is not `Attribute = value`.")
        attributes.setdefault(pair[1], _value(pair[2]))
    month, day, time, year = header.groups()
    try:
        received_at = read_date(attributes.get("Timestamp") or f"{month} {int(day):2d} {year} {time}", zone)
    except Refused as refused:
        return _refused(number, block, refused.code, refused.reason)
    return DetailRecord(line=number, text="\n".join(block), received_at=received_at, attributes=attributes)


def _refused(number: int, block: list[str], code: str, explanation: str) -> DetailRecord:
    return DetailRecord(line=number, text="\n".join(block), refused=Refused(code, explanation))


def _value(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return _ESCAPE.sub(_unescaped, text[1:-1])
    return text


def _unescaped(match: re.Match[str]) -> str:
    octets, character = match.groups()
    if octets is None:
        return _NAMED.get(character, character)
    return bytes(int(code, 8) & 0xFF for code in octets.split("\\")[1:]).decode("utf-8", "replace")

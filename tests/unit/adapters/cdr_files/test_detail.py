"""FreeRADIUS detail files, line by line."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from trunkline.adapters.cdr_files.detail import DetailRecord, read_detail

RECORDED = Path(__file__).parents[3] / "fixtures" / "radius" / "recorded"
TWO = """Mon Nov 23 04:58:26 2026
\tAcct-Status-Type = Start
\tUser-Name = "al\\"ice\\\\ \\303\\251"
\tClass = 0x42423230
\tNAS-Port = 1
\tVendor-Specific.ADSL-Forum.Access-Loop-Encapsulation = 0x000000
\tTimestamp = 1795409906

Tue Dec  1 00:00:00 2026
\tAcct-Status-Type = Stop
\tClass = 0x01
\tClass = 0x02

"""


def read(text: str, zone: str = "UTC") -> list[DetailRecord]:
    return list(read_detail(text.splitlines(keepends=True), ZoneInfo(zone)))


def test_records_attributes_and_times() -> None:
    first, second = read(TWO)
    assert first.attributes == {
        "Acct-Status-Type": "Start",
        "User-Name": 'al"ice\\ é',
        "Class": "0x42423230",
        "NAS-Port": "1",
        "Vendor-Specific.ADSL-Forum.Access-Loop-Encapsulation": "0x000000",
        "Timestamp": "1795409906",
    }
    assert (first.line, first.received_at) == (1, datetime(2026, 11, 23, 4, 58, 26, tzinfo=UTC))
    assert (second.line, second.received_at) == (9, datetime(2026, 12, 1, tzinfo=UTC))
    assert second.attributes["Class"] == "0x01", "the first value of a repeated attribute"


def test_a_date_line_is_in_the_servers_zone() -> None:
    assert read(TWO, "Europe/Berlin")[1].received_at == datetime(2026, 11, 30, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (TWO[:-1], "truncated"),
        ("no date\n\tUser-Name = x\n\n", "malformed-detail"),
        ("Mon Nov 23 04:58:26 2026\n\tUser-Name\n\n", "malformed-detail"),
        ("Mon Nov 33 04:58:26 2026\n\tUser-Name = x\n\n", "invalid-time"),
        ("Mon Nov 23 04:58:26 2026\n" + "\tA = 1\n" * 500 + "\n", "malformed-detail"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_text(text: str, code: str) -> None:
    last = next(record for record in read(text) if record.refused is not None)
    assert last.refused is not None
    assert last.refused.code == code
    assert last.text.splitlines()[0] in text


def test_one_bad_record_does_not_hide_the_next() -> None:
    assert [record.refused is None for record in read("rubbish\n\n" + TWO)] == [False, True, True]


def test_the_laboratorys_own_file_is_read_whole() -> None:
    text = (RECORDED / "detail").read_text()
    records = read(text)
    assert all(record.refused is None for record in records)
    assert len(records) == text.count("Acct-Status-Type")
    assert {"alice", "bob@example.net"} <= {record.attributes.get("User-Name") for record in records}

"""Reading one accounting record: times, numbers, identity, refusals."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from trunkline.bss.usage.contracts import Refused
from trunkline.bss.usage.model.accounting import Status, read_attributes, read_date

ARRIVED = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
INTERIM = {
    "Acct-Status-Type": "Interim-Update",
    "User-Name": "alice",
    "NAS-Identifier": "bng-1",
    "NAS-IP-Address": "192.0.2.1",
    "NAS-Port": 17,
    "Acct-Session-Id": "A1",
    "Acct-Session-Time": 120,
    "Acct-Input-Octets": 10,
    "Acct-Output-Octets": "15",
    "Acct-Output-Gigawords": 1,
    "Acct-Delay-Time": 4,
}


def test_all_parts_are_read_and_the_identifier_goes_before_the_address() -> None:
    record = read_attributes(INTERIM, ARRIVED)
    assert (record.status, record.nas, record.session_id, record.user, record.port) == (
        Status.INTERIM,
        "bng-1",
        "A1",
        "alice",
        "17",
    )
    assert (record.input_octets, record.input_gigawords) == (10, None)
    assert (record.output_octets, record.output_gigawords) == (15, 1)


def test_without_event_timestamp_the_delay_is_taken_from_the_arrival() -> None:
    record = read_attributes(INTERIM, ARRIVED)
    assert record.event_at == ARRIVED - timedelta(seconds=4)
    assert not record.exact_time
    assert record.began_at == ARRIVED - timedelta(seconds=124)


def test_event_timestamp_goes_before_arrival() -> None:
    record = read_attributes(INTERIM | {"Event-Timestamp": 1772434032}, ARRIVED)
    assert record.event_at == datetime(2026, 3, 2, 6, 47, 12, tzinfo=UTC)


@pytest.mark.parametrize("stamp", [0, 86_400, int(ARRIVED.timestamp()) + 86_401])
def test_a_stamp_from_1970_or_the_future_is_not_believed(stamp: int) -> None:
    assert read_attributes(INTERIM | {"Event-Timestamp": stamp}, ARRIVED).event_at == ARRIVED - timedelta(seconds=4)


def test_a_repetition_has_the_same_key_though_its_delay_grew() -> None:
    first = read_attributes(INTERIM | {"Event-Timestamp": 1772434032}, ARRIVED)
    later = read_attributes(
        INTERIM | {"Event-Timestamp": "Mar  2 2026 06:47:12 UTC", "Acct-Delay-Time": 9}, ARRIVED + timedelta(5)
    )
    assert first.dedupe_key == later.dedupe_key


@pytest.mark.parametrize(
    "change",
    [
        {"Acct-Status-Type": "Stop"},
        {"Acct-Session-Id": "A2"},
        {"Acct-Session-Time": 121},
        {"Acct-Input-Octets": 11},
        {"Acct-Output-Gigawords": 0},
        {"NAS-Identifier": "bng-2"},
        {"Event-Timestamp": 1772434033},
    ],
)
def test_another_record_has_another_key(change: dict[str, object]) -> None:
    stamped = INTERIM | {"Event-Timestamp": 1772434032}
    assert read_attributes(stamped, ARRIVED).dedupe_key != read_attributes(stamped | change, ARRIVED).dedupe_key


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Acct-Status-Type": "Tunnel-Start"}, "unknown-status"),
        ({"Acct-Status-Type": None}, "unknown-status"),
        ({"Acct-Session-Id": ""}, "missing-session-id"),
        ({"NAS-Identifier": None, "NAS-IP-Address": None}, "missing-nas"),
        ({"Acct-Session-Time": -1}, "negative-number"),
        ({"Acct-Session-Time": 400_000_000}, "absurd-time"),
        ({"Acct-Input-Octets": "many"}, "invalid-number"),
        ({"Acct-Input-Octets": "1.5"}, "invalid-number"),
        ({"Acct-Input-Gigawords": 4_000_000_000}, "absurd-counter"),
        ({"Event-Timestamp": "yesterday"}, "invalid-time"),
        ({"Event-Timestamp": "Feb 30 2026 00:00:00 UTC"}, "invalid-time"),
        ({"Event-Timestamp": "Feb  1 2015 08:28:58 WIB"}, "unknown-time-zone"),
    ],
)
def test_a_record_that_cannot_be_counted_is_refused_with_its_reason(change: dict[str, object], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        read_attributes(INTERIM | change, ARRIVED)
    assert refused.value.code == reason


def test_accounting_on_needs_no_session() -> None:
    record = read_attributes({"Acct-Status-Type": "Accounting-On", "NAS-IP-Address": "192.0.2.1"}, ARRIVED)
    assert (record.status, record.nas, record.session_id) == (Status.ON, "192.0.2.1", "")


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("1422754138", "UTC", datetime(2015, 2, 1, 1, 28, 58, tzinfo=UTC)),
        ("Feb  1 2015 08:28:58 WIB", "Asia/Jakarta", datetime(2015, 2, 1, 1, 28, 58, tzinfo=UTC)),
        ("Jul 11 2026 15:20:00 CEST", "Europe/Berlin", datetime(2026, 7, 11, 13, 20, tzinfo=UTC)),
        ("Oct 25 2026 02:30:00 CEST", "Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("Oct 25 2026 02:30:00 CET", "Europe/Berlin", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("2026-07-11T15:20:00+02:00", "UTC", datetime(2026, 7, 11, 13, 20, tzinfo=UTC)),
        ("2026-07-11 15:20:00", "Europe/Berlin", datetime(2026, 7, 11, 13, 20, tzinfo=UTC)),
    ],
)
def test_dates_as_radius_servers_write_them(text: str, zone: str, instant: datetime) -> None:
    assert read_date(text, ZoneInfo(zone)) == instant

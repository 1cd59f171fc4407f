"""One RADIUS accounting record (RFC 2866; gigawords and Event-Timestamp of RFC 2869), read from its attributes.

Attribute values come as text or integers, as FreeRADIUS writes them in JSON and in detail files.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.bss.usage.contracts import Refused

OCTETS_MAX = 1 << 52
"""4.5 petabytes in one session: more than any access line carries in its life."""
SECONDS_MAX = 10 * 366 * 86_400
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A NAS that has not yet learnt the time stamps its records with 1970; such a stamp is not believed."""
AHEAD_MAX = timedelta(days=1)
_NOT_PART_OF_IDENTITY = frozenset({"Acct-Delay-Time", "Proxy-State", "Packet-Type", "Timestamp", "Packet-Src-Port"})
_DATE = re.compile(r"([A-Z][a-z]{2}) +(\d{1,2}) (\d{4}) (\d{2}):(\d{2}):(\d{2})(?: (\S+))?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Attributes = Mapping[str, Any]


class Status(StrEnum):
    """Acct-Status-Type (RFC 2866, 5.1)."""

    START = "Start"
    STOP = "Stop"
    INTERIM = "Interim-Update"
    ON = "Accounting-On"
    OFF = "Accounting-Off"


_STATUS = {status.value: status for status in Status} | {
    "Alive": Status.INTERIM,
    "1": Status.START,
    "2": Status.STOP,
    "3": Status.INTERIM,
    "7": Status.ON,
    "8": Status.OFF,
}


class AccountingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one accounting request says. Instants are those of the machine that stamped them.

    nas           NAS-Identifier, else its address
    port          NAS-Port-Id and NAS-Port together: gateways give one name to many ports, or one number to many names
    event_at      when it was counted: Event-Timestamp, else arrival less Acct-Delay-Time
    exact_time    whether event_at comes from the NAS
    session_time  seconds since the session began; None when the NAS does not tell
    """

    status: Status
    nas: str
    session_id: str = ""
    user: str | None = None
    port: str | None = None
    session_time: int | None = None
    input_octets: int | None = None
    output_octets: int | None = None
    input_gigawords: int | None = None
    output_gigawords: int | None = None
    event_at: datetime
    exact_time: bool = True
    terminate_cause: str | None = None

    @property
    def began_at(self) -> datetime | None:
        """The instant at which the session began, as far as this record tells."""
        if self.session_time is not None:
            return self.event_at - timedelta(seconds=self.session_time)
        return self.event_at if self.status is Status.START else None

    @property
    def dedupe_key(self) -> str:
        """Equal for repetitions of one packet, whatever way they come (RFC 2866, 4.1: a NAS repeats until answered).

        Acct-Delay-Time grows with each repetition and is left out; Event-Timestamp stays and tells re-used ids apart.
        Restarts have no counters that tell them apart, so their time always counts: a repeated one closes nothing more.
        """
        timed = self.exact_time or self.status in (Status.ON, Status.OFF)
        parts = (
            self.nas,
            self.session_id,
            self.status,
            self.session_time,
            *(self.input_octets, self.input_gigawords, self.output_octets, self.output_gigawords),
            int(self.event_at.timestamp()) if timed else None,
        )
        return "acct:" + hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def read_attributes(attributes: Attributes, received_at: datetime, zone: tzinfo = UTC) -> AccountingRecord:
    """The record that these attributes make.

    received_at  arrival, wall time of the machine that took the record
    zone         in which the RADIUS server prints dates that carry no offset
    Raises Refused with the reason when the record cannot be counted.
    """
    status = _STATUS.get(str(attributes.get("Acct-Status-Type", "")))
    if status is None:
        raise Refused("unknown-status", f"Acct-Status-Type is {attributes.get('Acct-Status-Type')!r}.")
    nas = _text(attributes, "NAS-Identifier", "NAS-IP-Address", "NAS-IPv6-Address")
    if nas is None:
        raise Refused("missing-nas", "Neither NAS-Identifier nor an address of the NAS is there.")
    session_id = _text(attributes, "Acct-Session-Id")
    if session_id is None and status not in (Status.ON, Status.OFF):
        raise Refused("missing-session-id", "Acct-Session-Id is missing (RFC 2866, 5.5).")
    event_at, exact = _event_at(attributes, received_at, zone)
    record = AccountingRecord(
        status=status,
        nas=nas,
        session_id=session_id or "",
        user=_text(attributes, "User-Name", "Stripped-User-Name"),
        port=_port(attributes),
        session_time=_number(attributes, "Acct-Session-Time"),
        input_octets=_number(attributes, "Acct-Input-Octets"),
        output_octets=_number(attributes, "Acct-Output-Octets"),
        input_gigawords=_number(attributes, "Acct-Input-Gigawords"),
        output_gigawords=_number(attributes, "Acct-Output-Gigawords"),
        event_at=event_at,
        exact_time=exact,
        terminate_cause=_text(attributes, "Acct-Terminate-Cause"),
    )
    _check(record)
    return record


def refused_key(attributes: Attributes) -> str:
    """The key of a record that cannot be read: equal for repetitions of the same attributes."""
    kept = sorted((name, str(value)) for name, value in attributes.items() if name not in _NOT_PART_OF_IDENTITY)
    return "refused:" + hashlib.sha256(msgspec.json.encode(kept)).hexdigest()


def read_date(text: str, zone: tzinfo = UTC) -> datetime:
    """An instant as RADIUS servers write it: seconds since 1970, "Feb  1 2015 08:28:58 CET", or ISO 8601.

    A zone's abbreviation is believed when it is UTC or the name `zone` has at that moment: abbreviations are not
    unique, so others are refused. Raises Refused.
    """
    text = text.strip()
    try:
        if text.isdigit():
            return datetime.fromtimestamp(int(text), UTC)
        found = _DATE.fullmatch(text)
        if found is None:
            instant = datetime.fromisoformat(text)
            return (instant.replace(tzinfo=zone) if instant.tzinfo is None else instant).astimezone(UTC)
        month, day, year, hour, minute, second, name = found.groups()
        day_and_time = (int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
        local = datetime(*day_and_time, tzinfo=zone)
    except (ValueError, OverflowError, OSError) as error:
        raise Refused("invalid-time", f"{text[:60]!r} is not an instant.") from error
    if name in ("UTC", "GMT", "Z"):
        return local.replace(tzinfo=UTC)
    for fold in (0, 1):  # the hour that comes twice in autumn: the name says which one
        instant = local.replace(fold=fold)
        if name is None or instant.tzname() == name:
            return instant.astimezone(UTC)
    raise Refused("unknown-time-zone", f"Zone {name!r} in {text!r} is not the one declared for this source ({zone}).")


def _event_at(attributes: Attributes, received_at: datetime, zone: tzinfo) -> tuple[datetime, bool]:
    stamp = attributes.get("Event-Timestamp")
    if stamp is not None:
        instant = read_date(str(stamp), zone)
        if EARLIEST <= instant <= received_at + AHEAD_MAX:
            return instant, True
    return received_at - timedelta(seconds=_number(attributes, "Acct-Delay-Time") or 0), False


def _text(attributes: Attributes, *names: str) -> str | None:
    for name in names:
        value = attributes.get(name)
        if value is not None and str(value) != "":
            return str(value)
    return None


def _port(attributes: Attributes) -> str | None:
    parts = [str(attributes[name]) for name in ("NAS-Port-Id", "NAS-Port") if attributes.get(name) is not None]
    return " ".join(parts) or None


def _number(attributes: Attributes, name: str) -> int | None:
    value = attributes.get(name)
    if value is None:
        return None
    text = str(value).strip()
    if not re.fullmatch(r"-?[0-9]{1,20}", text):
        raise Refused("invalid-number", f"{name} is {text[:40]!r}, not a whole number.")
    number = int(text)
    if number < 0:
        raise Refused("negative-number", f"{name} is {number}.")
    return number


def _check(record: AccountingRecord) -> None:
    if record.session_time is not None and record.session_time > SECONDS_MAX:
        raise Refused("absurd-time", f"Acct-Session-Time is {record.session_time} s, more than ten years.")
    for name, octets, gigawords in (
        ("input", record.input_octets, record.input_gigawords),
        ("output", record.output_octets, record.output_gigawords),
    ):
        if (octets or 0) + ((gigawords or 0) << 32) > OCTETS_MAX:
            raise Refused("absurd-counter", f"The {name} counter is beyond {OCTETS_MAX} octets.")

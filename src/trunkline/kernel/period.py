"""Half-open periods of instants, and business days in a time zone (right across daylight saving)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from trunkline.kernel.errors import Invalid


class Period(msgspec.Struct, frozen=True):
    """Instants from `start` (included) to `end` (excluded), both aware UTC; `end` None is open."""

    start: datetime
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.end is not None and self.end < self.start:
            raise Invalid("periodBackwards", "A period cannot end before it starts.", path="$.endDateTime")

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant and (self.end is None or instant < self.end)

    def overlap(self, other: "Period") -> "Period | None":
        """The common part, or None when there is none."""
        start = max(self.start, other.start)
        ends = [end for end in (self.end, other.end) if end is not None]
        end = min(ends) if ends else None
        if end is not None and end <= start:
            return None
        return Period(start, end)


def zone(name: str, path: str = "$.timeZone") -> ZoneInfo:
    """The IANA time zone of that name. Raises Invalid."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        hint = "Zones are named as Europe/Berlin or UTC."
        raise Invalid("unknownTimeZone", f"{name!r} is not an IANA time zone.", path=path, hint=hint) from error


def local_date(instant: datetime, time_zone: ZoneInfo) -> date:
    """The calendar day of an instant in a zone."""
    return instant.astimezone(time_zone).date()


def day_start(day: date, time_zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC. A day may have 23 or 25 hours; where midnight does not exist, the
    first instant that does."""
    start = datetime(day.year, day.month, day.day, tzinfo=time_zone).astimezone(UTC)
    while start.astimezone(time_zone).date() < day:
        start += timedelta(minutes=15)
    return start

"""The installation's clock: wall time plus an offset that demo and tests may move forward.

Every process holds one `Clock`. The offset is stored in the database (`kernel.clock`), and processes hear of a move by
NOTIFY, so that all of one installation live at the same moment.
"""

from datetime import UTC, datetime, timedelta

from trunkline.kernel.errors import Forbidden, Invalid

YEARS_MAX = 50
"""How far the clock moves at once; more is a slip of the finger, and it never moves back."""


class Clock:
    """Wall time plus an offset. `offset` is never negative in relation to what it was: time does not run backwards."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self._offset = offset

    @property
    def offset(self) -> timedelta:
        return self._offset

    def now(self) -> datetime:
        """The present instant of the installation, aware, in UTC."""
        return self.wall() + self._offset

    @staticmethod
    def wall() -> datetime:
        """The machine's own time; for measuring and for records that keep the original timestamp."""
        return datetime.now(UTC)

    def apply(self, wall: datetime) -> datetime:
        """The installation's instant for an instant that a machine outside (a NAS, a router) stamped with wall time."""
        return wall + self._offset

    def offset_for(self, target: datetime) -> timedelta:
        """The offset that makes `target` the present. Raises Invalid when `target` has no zone, lies in the past or more
        than 50 years ahead."""
        if target.tzinfo is None:
            raise Invalid(
                "instantWithoutZone",
                "An instant needs a time zone.",
                path="$.now",
                hint="Write it as 2026-07-01T06:00:00+02:00.",
            )
        if target > self.now() + timedelta(days=366 * YEARS_MAX):
            raise Invalid(
                "clockTooFar",
                f"The clock moves at most {YEARS_MAX} years at once.",
                path="$.now",
                hint="It never moves back: check the year.",
            )
        offset = target - self.wall()
        if offset < self._offset - timedelta(seconds=1):
            raise Invalid(
                "clockBackwards",
                "The clock only moves forward.",
                message=f"It is {self.now():%Y-%m-%dT%H:%M:%SZ} here; {target.isoformat()} has passed.",
                path="$.now",
                hint="Name a later instant, or begin a new installation at the one you want (TRUNKLINE_CLOCK_START).",
            )
        return max(offset, self._offset)

    def set_offset(self, offset: timedelta) -> None:
        """Take over an offset that is already stored; only the clock's store calls this."""
        self._offset = offset


def clock_fixed() -> Forbidden:
    """The refusal to move the clock of an installation that is at work for real customers."""
    return Forbidden(
        "clockFixed",
        "The clock of a production installation is not moved.",
        hint="Use an installation with TRUNKLINE_MODE=demo.",
    )

"""What a pool says of its members: pure."""

from datetime import timedelta

from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.tmf import Document

UNITS = {"minute": 1, "minutes": 1, "hour": 60, "hours": 60, "day": 1440, "days": 1440}
QUARANTINE_MINUTES_MAX = 3650 * 1440


def quarantine_of(pool: Document) -> timedelta | None:
    """How long a member rests after it was given back, before another may have it; None when it is free at once.

    From the pool's `quarantine`, a TMF Duration: {"amount": 90, "units": "days"}. Raises Unprocessable for another form.
    """
    said = pool.get("quarantine")
    if said is None:
        return None
    amount = said.get("amount") if isinstance(said, dict) else None
    minutes = UNITS.get(str(said.get("units", "")).lower()) if isinstance(said, dict) else None
    if minutes is not None and type(amount) is int and 0 <= amount * minutes <= QUARANTINE_MINUTES_MAX:
        return timedelta(minutes=amount * minutes) or None
    raise Unprocessable(
        "invalidQuarantine",
        "A quarantine is a duration of at most ten years.",
        message='For example {"amount": 90, "units": "days"}.',
        path="$.quarantine",
        allowed=tuple(UNITS),
    )

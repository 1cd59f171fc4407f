"""Sessions: cumulative counters made into what is new in each record.

A NAS reports totals since the session began. What counts of a session is the highest total seen, so that repetition and
disorder add nothing: the sum of all increments equals the last total, in any order of arrival.

A session id may be used again after a restart. Records of one session agree on when it began (time of the record less
Acct-Session-Time); another beginning is another generation.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from trunkline.bss.usage.model.accounting import AccountingRecord, Status

BEGIN_TOLERANCE = timedelta(seconds=60)
"""How far records of one session may differ about its beginning: clock corrections, and arrival times without stamps."""
AFTER_END = timedelta(seconds=2)
"""How long after a session's end its id must begin anew to be another session, seconds being rounded on both sides."""
WORD = 1 << 32


class Closure(StrEnum):
    """Why a session is closed."""

    STOP = "stop"
    RESTART = "restart"
    SUCCESSOR = "successor"
    INACTIVITY = "inactivity"


class Counter(msgspec.Struct, frozen=True):
    """Octets in one direction. `gigawords` tells whether the NAS has ever sent the upper 32 bits for this session."""

    total: int = 0
    gigawords: bool = False

    def advance(self, octets: int | None, gigawords: int | None, *, newer: bool, older: bool) -> "Counter":
        """The counter after a record.

        With gigawords the total is exact and the higher one counts. Without them the NAS's counter wraps at 2^32: a
        lower value in a newer record is one wrap (so such a NAS must report at least every 4 GiB), in an older one it is
        merely late.
        """
        if octets is None:
            return self
        if gigawords is not None or self.gigawords:
            return Counter(max(self.total, ((gigawords or 0) << 32) + octets), True)
        low = self.total % WORD
        if octets >= low and not older:
            return Counter(self.total - low + octets)
        if octets < low and newer:
            return Counter(self.total - low + WORD + octets)
        return self


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one session. Key: NAS, session id, generation."""

    nas: str
    session_id: str
    generation: int
    user: str | None
    port: str | None
    started_at: datetime
    last_event_at: datetime
    session_time: int = 0
    input: Counter = Counter()
    output: Counter = Counter()
    closed_at: datetime | None = None
    closed_by: Closure | None = None

    @property
    def octets(self) -> int:
        """Both directions together."""
        return self.input.total + self.output.total

    def ends_with_restart(self, at: datetime) -> bool:
        """Whether Accounting-On/Off at that instant ends this session: it was open and not seen since."""
        return self.closed_at is None and self.last_event_at <= at

    def ends_with(self, successor: "Session") -> bool:
        """Whether a newer session of the same user on the same port shows that this one's Stop was lost."""
        return (
            self.closed_at is None
            and self.port is not None
            and (self.nas, self.port, self.user) == (successor.nas, successor.port, successor.user)
            and (self.session_id, self.generation) != (successor.session_id, successor.generation)
            and self.last_event_at <= successor.started_at
        )

    def closed(self, at: datetime, by: Closure) -> "Session":
        """The session closed at its last counters: what the last interim said has been counted, nothing is added."""
        return msgspec.structs.replace(self, closed_at=at, closed_by=by)


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """A record applied to its session: the session after it and what it added, in octets."""

    session: Session
    input_added: int
    output_added: int
    began: bool

    @property
    def added(self) -> int:
        return self.input_added + self.output_added


def apply(generations: Sequence[Session], record: AccountingRecord) -> Applied:
    """Apply a Start, Interim-Update or Stop to the session it belongs to, or begin one.

    generations  all sessions known under the record's NAS and session id
    """
    known = _find(generations, record)
    before = known or _begin(record, 1 + max((s.generation for s in generations), default=0))
    time = record.session_time
    newer = known is None or (
        time > before.session_time if time is not None else record.event_at > before.last_event_at
    )
    older = known is not None and (
        time < before.session_time if time is not None else record.event_at < before.last_event_at
    )
    closed_at, closed_by = _closure(before, record)
    after = msgspec.structs.replace(
        before,
        user=before.user or record.user,
        port=before.port or record.port,
        started_at=record.event_at if record.status is Status.START else before.started_at,
        last_event_at=max(before.last_event_at, record.event_at),
        session_time=max(before.session_time, time or 0),
        input=before.input.advance(record.input_octets, record.input_gigawords, newer=newer, older=older),
        output=before.output.advance(record.output_octets, record.output_gigawords, newer=newer, older=older),
        closed_at=closed_at,
        closed_by=closed_by,
    )
    return Applied(
        session=after,
        input_added=after.input.total - before.input.total,
        output_added=after.output.total - before.output.total,
        began=known is None,
    )


def _find(generations: Sequence[Session], record: AccountingRecord) -> Session | None:
    began = record.began_at
    if began is None:  # the NAS tells no session time: the newest generation that had begun by then
        begun = [s for s in generations if s.started_at <= record.event_at + BEGIN_TOLERANCE]
        return max(begun, key=lambda s: s.started_at, default=None)
    near = [
        s
        for s in generations
        if abs(s.started_at - began) <= BEGIN_TOLERANCE and not _begins_after_end(s, record, began)
    ]
    if not near and not record.exact_time:
        near = [s for s in generations if _arrived_late(s, record, began)]
    return min(near, key=lambda s: abs(s.started_at - began), default=None)


def _begins_after_end(session: Session, record: AccountingRecord, began: datetime) -> bool:
    if session.closed_at is not None and session.closed_by in (Closure.STOP, Closure.RESTART):
        return began > session.closed_at + AFTER_END
    return record.status is Status.START and session.session_time > 0 and began > session.last_event_at + AFTER_END


def _arrived_late(session: Session, record: AccountingRecord, began: datetime) -> bool:
    """Whether a record without a stamp may be an old one of this session, delivered late: it then seems to have begun
    later than it did. Taking it for a new session would count all of it twice; so it is new only when it began after
    the last that was heard of the old one, and says something the old one had not said."""
    if record.status is Status.START or session.started_at > record.event_at:
        return False
    said_before = (record.session_time or 0) <= session.session_time and all(
        ((gigawords or 0) << 32) + (octets or 0) <= counter.total
        for octets, gigawords, counter in (
            (record.input_octets, record.input_gigawords, session.input),
            (record.output_octets, record.output_gigawords, session.output),
        )
    )
    return said_before or began <= session.last_event_at


def _begin(record: AccountingRecord, generation: int) -> Session:
    return Session(
        nas=record.nas,
        session_id=record.session_id,
        generation=generation,
        user=record.user,
        port=record.port,
        started_at=record.began_at or record.event_at,
        last_event_at=record.event_at,
    )


def _closure(session: Session, record: AccountingRecord) -> tuple[datetime | None, Closure | None]:
    """A Stop closes; a sign of life after a closure that was only inferred opens again."""
    if record.status is Status.STOP:
        return record.event_at, Closure.STOP
    if session.closed_at is not None and session.closed_by is not Closure.STOP and record.event_at > session.closed_at:
        return None, None
    return session.closed_at, session.closed_by

"""The state of a delivery: due, under way, waiting for its next attempt, parked.

One row of `kernel.delivery` is one event on its way to one consumer. It exists until the consumer is done with it. Its key
of ordering is (tenant, consumer, resource, resource_id); a row may only be taken when no earlier one of its key exists.

`next_at` is time of the database server, not of the installation's clock: moving the clock in a demo must neither fire
nor delay a technical retry.
"""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

import msgspec

from trunkline.kernel.db import ReadSession, Record, UnitOfWork
from trunkline.kernel.errors import TrunklineError

ERROR_LENGTH = 500
_SHELF = timedelta(minutes=5)

_DUE = """
select c.consumer from unnest($1::text[]) as c(consumer)
 where exists (select 1 from kernel.delivery d where d.consumer = c.consumer and d.next_at <= now())"""

# Rows that are due but stand behind one that waits or is parked. Without putting them off, each claim would walk over
# all of them. A first try under lease is not waited for in this way: it is over soon.
_BLOCKED = """
select distinct d.tenant, d.resource, d.resource_id, h.seq
  from (select * from kernel.delivery where consumer = $1 and next_at <= now() order by next_at, seq limit 5000) d
 cross join lateral (select p.seq, p.next_at, p.attempts from kernel.delivery p
                      where p.tenant = d.tenant and p.consumer = d.consumer and p.resource = d.resource
                        and p.resource_id = d.resource_id
                      order by p.seq limit 1) h
 where h.seq < d.seq and h.next_at > now() and h.attempts > 0"""

# The head's row lock keeps its release (done, skipped, replayed) from slipping in between.
_HEADS = """
select p.tenant, p.resource, p.resource_id, p.seq, least(p.next_at, now() + $6) as until
  from kernel.delivery p
  join unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) as b(tenant, resource, resource_id, seq)
    on p.tenant = b.tenant and p.resource = b.resource and p.resource_id = b.resource_id and p.seq = b.seq
 where p.consumer = $1 and p.next_at > now() and p.attempts > 0
   for share of p skip locked"""

_PUT_OFF = """
update kernel.delivery d set next_at = h.until
  from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[])
         as h(tenant, resource, resource_id, seq, until)
 where d.consumer = $1 and d.tenant = h.tenant and d.resource = h.resource and d.resource_id = h.resource_id
   and d.seq > h.seq and d.next_at <= now()"""

_RELEASE = """
update kernel.delivery set next_at = now()
 where tenant = $1 and consumer = $2 and resource = $3 and resource_id = $4 and seq > $5
   and next_at > now() and parked_at is null and attempts = 0"""

_FAIL = """
update kernel.delivery
   set attempts = attempts + 1, error = $7, parked_at = $8,
       next_at = case when $8::timestamptz is null then now() + $9::interval else 'infinity' end
 where tenant = $1 and consumer = $2 and resource = $3 and resource_id = $4 and seq = $5 and attempts = $6"""

_CREDENTIALS = re.compile(
    r"(?i)(://)[^/\s@]+@|((?:password|passwd|secret|token|api[-_]?key|authorization)\S*\s*[=:]\s*)(?:bearer\s+|basic\s+)?[^\s,;]+"
)


class DeliveryKey(msgspec.Struct, frozen=True, kw_only=True):
    """Which delivery. Its text form `<seq>:<consumer>` is what operators and the API use, together with the tenant."""

    tenant: str
    consumer: str
    resource: str
    resource_id: str
    seq: int

    @property
    def id(self) -> str:
        return f"{self.seq}:{self.consumer}"

    @classmethod
    def of(cls, row: Record) -> "DeliveryKey":
        return cls(**{name: row[name] for name in cls.__struct_fields__})


class Outcome(StrEnum):
    """What became of a failed try."""

    FAILED = "failed"
    PARKED = "parked"


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often and when a failed delivery is tried again.

    attempts         tries in all before it is parked
    attempts_refused the same when the consumer itself says that trying again is no use (a TrunklineError that is not
                     `retryable`); more than one, because the other half of the installation may simply not be as far
    first, factor    pause after the first failure, and by how much each following one is longer
    cap              longest pause
    """

    attempts: int = 8
    attempts_refused: int = 4
    first: timedelta = timedelta(seconds=1)
    factor: int = 2
    cap: timedelta = timedelta(minutes=5)

    def pause(self, attempts: int, seed: str) -> timedelta:
        """The pause after `attempts` failures: between 80 % and 120 % of the nominal one, fixed by `seed`."""
        nominal: timedelta = min(self.first * self.factor ** min(attempts - 1, 16), self.cap)
        spread = int.from_bytes(blake2b(f"{seed}/{attempts}".encode(), digest_size=4).digest(), "big")
        return nominal * 4 / 5 + nominal * 2 / 5 * (spread / 2**32)

    def gives_up(self, attempts: int, error: Exception) -> bool:
        """Whether the delivery is parked after `attempts` failures, the last of them with `error`."""
        refused = isinstance(error, TrunklineError) and not error.retryable
        return attempts >= (min(self.attempts_refused, self.attempts) if refused else self.attempts)


def error_text(error: Exception) -> str:
    """What is kept of an error: kind and first line, without credentials, at most 500 characters."""
    name = f"{type(error).__name__} {error.code}" if isinstance(error, TrunklineError) else type(error).__name__
    line = (str(error).strip().splitlines() or [""])[0]
    return _CREDENTIALS.sub(lambda m: f"{m[1] or m[2]}***" + ("@" if m[1] else ""), f"{name}: {line}")[:ERROR_LENGTH]


async def consumers_due(session: ReadSession, consumers: list[str]) -> list[str]:
    """Which of the consumers have a delivery whose time has come."""
    return [row["consumer"] for row in await session.fetch(_DUE, consumers)]


async def release_followers(uow: UnitOfWork, key: DeliveryKey) -> None:
    """The delivery no longer holds up the later ones of its key: they become due."""
    await uow.execute(_RELEASE, key.tenant, key.consumer, key.resource, key.resource_id, key.seq)


async def put_off_blocked(uow: UnitOfWork, consumer: str) -> int:
    """Put off deliveries that stand behind one that waits or is parked; returns how many.

    They come back when that one is done, skipped or replayed, and for safety after five minutes in any case.
    """
    blocked = await uow.fetch(_BLOCKED, consumer)
    if not blocked:
        return 0
    columns = ("tenant", "resource", "resource_id", "seq")
    heads = await uow.fetch(_HEADS, consumer, *([row[c] for row in blocked] for c in columns), _SHELF)
    return await uow.execute(_PUT_OFF, consumer, *([row[c] for row in heads] for c in (*columns, "until")))


async def fail(
    uow: UnitOfWork, key: DeliveryKey, failures: int, error: Exception, policy: RetryPolicy, now: datetime
) -> Outcome | None:
    """Record the failed try number `failures`: set the next one, or park.

    None when another worker has taken or finished the delivery in the meantime: then nothing is recorded.
    """
    parked = policy.gives_up(failures, error)
    recorded = await uow.execute(
        _FAIL,
        *(key.tenant, key.consumer, key.resource, key.resource_id, key.seq),
        failures - 1,
        error_text(error),
        now if parked else None,
        policy.pause(failures, f"{key.tenant}/{key.id}"),
    )
    if not recorded:
        return None
    return Outcome.PARKED if parked else Outcome.FAILED

"""Moving the installation's clock, for demo and tests: stored once, heard by every process."""

from datetime import datetime

from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db.database import CLOCK_CHANNEL
from trunkline.kernel.db.unit_of_work import AuditEntry, UnitOfWork


async def move_clock(uow: UnitOfWork, clock: Clock, target: datetime, context: Context) -> datetime:
    """Make `target` the present for all processes and return it. Raises Invalid for an instant to which it cannot move.

    This process's clock moves when the transaction commits; the others follow the notification within milliseconds.
    """
    await uow.fetch_value("select clock_offset from kernel.clock for update")
    before = clock.now()
    offset = clock.offset_for(target)
    await uow.execute("update kernel.clock set clock_offset = $1", offset)
    await uow.execute("select pg_notify($1, $2)", CLOCK_CHANNEL, str(offset.total_seconds()))
    uow.audit(AuditEntry.of(context, "move", "clock", "clock", before={"now": before}, after={"now": target}))
    uow.after_commit(lambda: clock.set_offset(offset))
    return target


async def start_clock(uow: UnitOfWork, clock: Clock, instant: datetime) -> bool:
    """Begin a new installation at any instant, also a past one. Does nothing, and returns False, once anything has
    happened in it: from then on time only moves forward."""
    if await uow.fetch_value("select exists (select 1 from kernel.audit)"):
        return False
    offset = instant - clock.wall()
    await uow.execute("update kernel.clock set clock_offset = $1", offset)
    uow.after_commit(lambda: clock.set_offset(offset))
    return True

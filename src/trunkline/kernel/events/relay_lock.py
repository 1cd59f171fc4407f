"""The lock that lets one relay work at a time in the whole installation."""

from trunkline.kernel.db import UnitOfWork

RELAY_LOCK = 7_266_002


async def hold_relay(uow: UnitOfWork) -> None:
    """Keep the relay still until this transaction ends, for changes of who gets what. Waits a few milliseconds."""
    await uow.execute("select pg_advisory_xact_lock($1)", RELAY_LOCK)

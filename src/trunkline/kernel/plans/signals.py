"""Signals: what waits wait for. A key is a latch: once given it stays given, also for steps and plans that come later."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Invalid

KEY_LENGTH_MAX = 200

# Both sides write the key's row first and keep its lock to their commit: whoever is second sees what the first has done.
_GIVE = """insert into kernel.signal as s (tenant, key, result, given_at) values ($1, $2, $3, $4)
 on conflict (tenant, key) do update set result = excluded.result, given_at = excluded.given_at
 where s.given_at is null returning 1"""

_AWAIT = """insert into kernel.signal as s (tenant, key, awaited_at)
 select $1, t.key, $3 from unnest($2::text[]) as t(key) order by t.key
 on conflict (tenant, key) do update set awaited_at = coalesce(s.awaited_at, excluded.awaited_at)
 returning key, result, given_at"""

# Steps that wait get ready; steps whose predecessors have not ended keep the result for later.
_DELIVER = """update kernel.step s set
   signalled = true, result = $3, state = case when s.state = 'running' then 'ready' else s.state end,
   run_at = case when s.state = 'running' then $4 else s.run_at end
 where s.tenant = $1 and s.signal_key = $2 and s.state in ('waiting', 'running') and not s.signalled"""

_PURGE = """delete from kernel.signal g where (g.tenant, g.key) in (
   select q.tenant, q.key from kernel.signal q
    where coalesce(q.given_at, q.awaited_at) < $1
      and not exists (select 1 from kernel.step s where s.tenant = q.tenant and s.signal_key = q.key
                         and s.state in ('waiting', 'ready', 'running'))
    limit $2)"""


async def signal(uow: UnitOfWork, tenant: str, key: str, result: dict[str, Any] | None, context: Context) -> int:
    """Give the key: steps that wait for it end with `result`. Returns how many steps of existing plans it reached.

    A signal that comes before its step, or before its plan, is kept for it. Giving a key again changes nothing.
    Raises Invalid for a key that is empty or longer than 200 characters.
    """
    if not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise Invalid("signalKey", f"A signal's key has 1 to {KEY_LENGTH_MAX} characters.", path="$.key")
    text = None if result is None else msgspec.json.encode(result).decode()
    if await uow.fetch_value(_GIVE, tenant, key, text, context.now) is None:
        return 0
    reached = await uow.execute(_DELIVER, tenant, key, text, context.now)
    if reached:
        uow.wake()
    return reached


async def await_keys(uow: UnitOfWork, keys: Sequence[str], context: Context) -> dict[str, str | None]:
    """Note that a plan waits for these keys; returns those already given, with their results as JSON text."""
    for key in keys:
        if len(key) > KEY_LENGTH_MAX:
            raise Invalid("signalKey", f"A signal's key has 1 to {KEY_LENGTH_MAX} characters.", path="$.steps")
    if not keys:
        return {}
    rows = await uow.fetch(_AWAIT, context.tenant, sorted(set(keys)), context.now)
    return {row["key"]: row["result"] for row in rows if row["given_at"] is not None}


async def purge_signals(uow: UnitOfWork, before: datetime, limit: int = 10_000) -> int:
    """Forget keys given or first awaited before this instant that no open step waits for; returns how many."""
    return await uow.execute(_PURGE, before, limit)

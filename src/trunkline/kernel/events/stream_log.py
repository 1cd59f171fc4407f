"""The log as streams read it: one statement for all streams of a process, whatever they want."""

from collections.abc import Mapping, Sequence

import msgspec

from trunkline.kernel.db import ReadSession, Record
from trunkline.kernel.events.hub_query import wanted_by
from trunkline.kernel.events.log import COLUMNS
from trunkline.kernel.events.stream import Channel

BATCH = 200
"""Events of one tenant that a statement looks at: what bounds its time and its memory, also when few are wanted."""

_READ = f"""
with w as (select * from jsonb_to_recordset($1::jsonb)
             as w(n int, tenant text, resources text[], types text[], condition text))
select {COLUMNS}, array(select w.n from w where w.tenant = e.tenant and e.resource = any(w.resources)
                           and {wanted_by("e", "w")}) as wanted
  from unnest($2::text[], $3::bigint[]) as t(tenant, head)
 cross join lateral (select * from kernel.event_log l where l.tenant = t.tenant and l.seq > t.head
                      order by l.seq limit {BATCH}) e
 order by e.seq"""


async def read_log(session: ReadSession, channels: Sequence[Channel], heads: Mapping[str, int]) -> list[Record]:
    """The next events behind the heads (tenant → seq), up to `BATCH` a tenant, in order. Column `wanted` holds the indexes
    of the channels that want the event; events that none wants come too, since they move the head."""
    wishes = [
        {
            "n": n,
            "tenant": channel.tenant,
            "resources": channel.api.resources,
            "types": channel.types,
            "condition": channel.condition,
        }
        for n, channel in enumerate(channels)
    ]
    return list(await session.fetch(_READ, msgspec.json.encode(wishes).decode(), list(heads), list(heads.values())))

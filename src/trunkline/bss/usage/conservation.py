"""Counts that must agree, in SQL, for `trunkline check`: in = rated + free + suspended + rejected; nothing rated twice."""

from trunkline.bss.usage.contracts import Imbalance
from trunkline.kernel.db import ReadSession

_CHECKS = (
    (
        "a batch's records are those it took in",
        """select b.id as scope, b.records_in as expected, count(r.id) as found
             from usage.batch b left join usage.raw_record r on r.tenant = b.tenant and r.batch_id = b.id
            where b.tenant = $1 group by b.id, b.records_in having b.records_in <> count(r.id)""",
    ),
    (
        "each rated record has one charge",
        """select r.outcome as scope, count(*) as expected, count(u.id) as found
             from usage.raw_record r
             left join usage.usage u on u.tenant = r.tenant and u.id = r.id and u.price_id is not null
            where r.tenant = $1 and r.outcome = 'rated' group by r.outcome having count(*) <> count(u.id)""",
    ),
    (
        "records that are not rated have no charge",
        """select r.outcome as scope, 0 as expected, count(*) as found
             from usage.raw_record r join usage.usage u on u.tenant = r.tenant and u.id = r.id
            where r.tenant = $1 and (r.outcome in ('suspended', 'rejected') or u.price_id is not null)
              and r.outcome <> 'rated' group by r.outcome""",
    ),
    (
        "each charge has its record",
        """select 'usage' as scope, 0 as expected, count(*) as found
             from usage.usage u left join usage.raw_record r on r.tenant = u.tenant and r.id = u.id
            where u.tenant = $1 and r.id is null having count(*) > 0""",
    ),
    (
        "a charge is for what its record counted",
        """select u.id as scope, r.quantity as expected, u.quantity as found
             from usage.usage u join usage.raw_record r on r.tenant = u.tenant and r.id = u.id
            where u.tenant = $1 and (u.quantity, u.unit) <> (r.quantity, r.unit)""",
    ),
    (
        "increments add up to the session's counters",
        """select s.nas || '/' || s.session_id || '/' || s.generation as scope, s.input_octets + s.output_octets as expected,
                  coalesce(r.quantity, 0) as found
             from usage.session s
             left join (select session_nas, session_id, session_generation, sum(quantity)::bigint as quantity
                          from usage.raw_record where tenant = $1 and session_id is not null group by 1, 2, 3) r
               on r.session_nas = s.nas and r.session_id = s.session_id and r.session_generation = s.generation
            where s.tenant = $1 and s.input_octets + s.output_octets <> coalesce(r.quantity, 0)""",
    ),
)


async def conservation(session: ReadSession, tenant: str) -> list[Imbalance]:
    """Every place where the counts of usage do not agree; empty when all is well."""
    return [
        Imbalance(check=check, scope=row["scope"], expected=row["expected"], found=row["found"])
        for check, sql in _CHECKS
        for row in await session.fetch(f"{sql} limit 100", tenant)
    ]

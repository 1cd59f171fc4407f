"""Conservation of usage in SQL, for `trunkline check` (invariant 5): in = rated + free + suspended + rejected, nothing rated
twice; and the counts that billing compares its lines with.

Outcomes are one column of the raw record, so that each has exactly one; what can differ is what hangs on it.
"""

from collections.abc import Sequence
from datetime import datetime

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.finding import Finding

FINDINGS_MAX = 100

_CHECKS = (
    (
        "a batch's records are those it took in",
        """select 'batch ' || b.id || ' (' || b.name || ')' as subject, b.records_in || ' records' as expected,
                  count(r.id) || ' records' as found
             from usage.batch b left join usage.raw_record r on r.tenant = b.tenant and r.batch_id = b.id
            where b.tenant = $1 group by b.id, b.name, b.records_in having b.records_in <> count(r.id)""",
    ),
    (
        "each rated record has one charge",
        """select 'usage record ' || r.id as subject, 'a charge' as expected,
                  case when u.id is null then 'none' else 'usage without a price' end as found
             from usage.raw_record r left join usage.usage u on u.tenant = r.tenant and u.id = r.id
            where r.tenant = $1 and r.outcome = 'rated' and u.price_id is null""",
    ),
    (
        "records that are not rated have no charge",
        """select 'usage record ' || r.id as subject, r.outcome || ', without a charge' as expected,
                  case when u.price_id is null then 'usage' else 'a charge' end as found
             from usage.raw_record r join usage.usage u on u.tenant = r.tenant and u.id = r.id
            where r.tenant = $1 and (r.outcome in ('suspended', 'rejected') or r.outcome = 'free' and u.price_id is not null)""",
    ),
    (
        "each charge has its record",
        """select 'usage ' || u.id as subject, 'a raw record' as expected, 'none' as found
             from usage.usage u left join usage.raw_record r on r.tenant = u.tenant and r.id = u.id
            where u.tenant = $1 and r.id is null""",
    ),
    (
        "a charge is for what its record counted",
        """select 'usage ' || u.id as subject, r.quantity || ' ' || r.unit as expected, u.quantity || ' ' || u.unit as found
             from usage.usage u join usage.raw_record r on r.tenant = u.tenant and r.id = u.id
            where u.tenant = $1 and (u.quantity, u.unit) is distinct from (r.quantity, r.unit)""",
    ),
    (
        "increments add up to the session's counters",
        """select 'session ' || s.session_id || ' of ' || s.nas || ', generation ' || s.generation as subject,
                  s.input_octets + s.output_octets || ' octets' as expected, coalesce(r.quantity, 0) || ' octets' as found
             from usage.session s
             left join (select session_nas, session_id, session_generation, sum(quantity)::bigint as quantity
                          from usage.raw_record where tenant = $1 and session_id is not null group by 1, 2, 3) r
               on r.session_nas = s.nas and r.session_id = s.session_id and r.session_generation = s.generation
            where s.tenant = $1 and s.input_octets + s.output_octets <> coalesce(r.quantity, 0)""",
    ),
)


async def usage_findings(session: ReadSession, context: Context) -> list[Finding]:
    """Every place where the counts of usage do not agree, at most a hundred a rule; empty when all is well."""
    return [
        Finding(invariant=5, rule=rule, subject=row["subject"], expected=row["expected"], found=row["found"])
        for rule, sql in _CHECKS
        for row in await session.fetch(f"{sql} order by 1 limit {FINDINGS_MAX}", context.tenant)
    ]


async def billed_totals(session: ReadSession, line_ids: list[str], context: Context) -> dict[str, tuple[int, int]]:
    """How many records, and of what quantity, say that they are on these bill lines."""
    rows = await session.fetch(
        """select line_id, count(*) as records, sum(quantity)::bigint as quantity from usage.usage
            where tenant = $1 and line_id = any($2::text[]) group by line_id""",
        context.tenant,
        line_ids,
    )
    return {row["line_id"]: (row["records"], row["quantity"]) for row in rows}


async def billed_lines(session: ReadSession, context: Context, *, after: str, limit: int) -> list[str]:
    """The bill lines that usage says it is on, in order, those after one."""
    rows = await session.fetch(
        "select distinct line_id from usage.usage where tenant = $1 and line_id > $2 order by 1 limit $3",
        context.tenant,
        after,
        limit,
    )
    return [row["line_id"] for row in rows]


async def accounts_unbilled(session: ReadSession, context: Context, *, after: str, limit: int) -> list[str]:
    """The accounts with rated usage that is on no bill yet, in order, those after one."""
    rows = await session.fetch(
        """select distinct account_id from usage.usage
            where tenant = $1 and line_id is null and price_id is not null and account_id > $2 order by 1 limit $3""",
        context.tenant,
        after,
        limit,
    )
    return [row["account_id"] for row in rows]


async def left_unbilled(
    session: ReadSession, bills: Sequence[tuple[str, datetime, datetime]], context: Context
) -> dict[str, tuple[int, int]]:
    """Account → number of records, and their quantity, that are on no bill though they were counted and rated before.

    bills  (account, counted before this instant, rated before that one)
    """
    rows = await session.fetch(
        """select b.account_id, count(*) as records, sum(u.quantity)::bigint as quantity
             from unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) as b(account_id, cut_off, rated_before)
             join usage.usage u on u.tenant = $1 and u.account_id = b.account_id and u.occurred_at < b.cut_off
              and u.rated_at < b.rated_before and u.line_id is null and u.price_id is not null
            group by b.account_id""",
        context.tenant,
        *([bill[n] for bill in bills] for n in range(3)),
    )
    return {row["account_id"]: (row["records"], row["quantity"]) for row in rows}

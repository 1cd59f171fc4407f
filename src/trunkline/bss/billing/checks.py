"""What must always hold of bills, as findings: 4 (each day charged once, nothing charged for nothing), 5 (a usage line holds
its usage), 6 (sums), 8 (numbers and documents).

What billing's own rows tell is one statement a rule, which yields only what is wrong. What others know is asked at their
doors, page by page. What a product's last bill left out is in `left_out`.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from trunkline.bss.billing import store
from trunkline.bss.billing.left_out import products_left_out
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.usage import facade as usage
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession, Record
from trunkline.kernel.finding import Finding

PAGE = 500
FINDINGS_MAX = 100
COMMITTED_WITHIN = timedelta(hours=1)
"""A file that is imported, or suspense that is processed again, may be rated long before it is committed."""
ONCE = "each day is charged exactly once"
BEHIND = "each bill line has a product behind it"
USED = "a usage line holds the usage that points to it"
LEFT = "usage counted before the last bill is on a bill"

# Of each recurring price that is charged by time: whether each of its lines says exactly what it covers (a line that corrects
# a start names the hull of two parts), and how many days or seconds its lines charge in all.
_CHARGED = """
with line as (
  select l.product_id, l.charge_key, l.covers_start, l.covers_end, l.share_part, l.share_unit, b.time_zone,
         case l.share_unit
           when 'day' then (l.covers_end at time zone b.time_zone)::date - (l.covers_start at time zone b.time_zone)::date
           else extract(epoch from date_trunc('second', l.covers_end) - date_trunc('second', l.covers_start))::bigint end
           as covered
    from billing.bill_line l join billing.bill b on b.tenant = l.tenant and b.id = l.bill_id
   where l.tenant = $1 and l.kind = 'recurring'),
price as (
  select product_id, charge_key, bool_and(abs(share_part) = covered) as exact, sum(share_part) as charged,
         min(share_unit) as unit, min(time_zone) as zone
    from line group by product_id, charge_key
  having bool_and(share_unit in ('day', 'second')) and min(share_unit) = max(share_unit)),
span as (
  select p.*, c.charged_from, c.charged_through
    from price p join billing.charged_through c
      on c.tenant = $1 and c.product_id = p.product_id and c.charge_key = p.charge_key)"""

# How many times each stretch of a price's time is charged: +1 where a line begins, −1 where it ends, the other way round for
# a line that gives back. It must be one in what the price is charged for, and none outside of it.
_STRETCHES = f"""{_CHARGED},
edge as (
  select l.product_id, l.charge_key, e.at, e.part * sign(l.share_part)::int as part
    from line l join span s using (product_id, charge_key)
   cross join lateral (values (l.covers_start, 1), (l.covers_end, -1)) as e(at, part)
   where s.exact
  union all
  select s.product_id, s.charge_key, e.at, 0
    from span s cross join lateral (values (s.charged_from), (s.charged_through)) as e(at)
   where s.exact),
stretch as (
  select product_id, charge_key, at as since, lead(at) over each as until, sum(sum(part)) over each as times
    from edge group by product_id, charge_key, at window each as (partition by product_id, charge_key order by at))
select 'product ' || t.product_id || ', price ' || t.charge_key || ', '
         || to_char(t.since at time zone s.zone, 'YYYY-MM-DD HH24:MI') || ' to '
         || to_char(t.until at time zone s.zone, 'YYYY-MM-DD HH24:MI') as subject,
       'charged ' || w.times || ' times' as expected, 'charged ' || t.times || ' times' as found
  from stretch t join span s using (product_id, charge_key)
 cross join lateral (
   select case when t.since >= s.charged_from and t.until <= s.charged_through then 1 else 0 end as times) w
 where t.until is not null and t.times <> w.times order by 1"""

_SUMS = f"""{_CHARGED}
select 'product ' || product_id || ', price ' || charge_key as subject,
       w.due || ' ' || unit || 's charged' as expected, span.charged || ' ' || unit || 's charged' as found
  from span cross join lateral (
    select case unit
      when 'day' then (charged_through at time zone zone)::date - (charged_from at time zone zone)::date
      else extract(epoch from date_trunc('second', charged_through) - date_trunc('second', charged_from))::bigint end
      as due) w
 where not exact and w.due <> span.charged order by 1"""

_LINES = """
select 'bill ' || b.bill_no as subject, 'net ' || b.net_minor || ', tax ' || b.tax_minor || ' minor units' as expected,
       'net ' || coalesce(sum(l.net_minor), 0) || ', tax ' || coalesce(sum(l.tax_minor), 0) || ' minor units' as found
  from billing.bill b left join billing.bill_line l on l.tenant = b.tenant and l.bill_id = b.id
 where b.tenant = $1 group by b.bill_no, b.net_minor, b.tax_minor
having b.net_minor <> coalesce(sum(l.net_minor), 0) or b.tax_minor <> coalesce(sum(l.tax_minor), 0) order by 1"""

_TAXES = """
select 'bill ' || b.bill_no as subject, 'tax ' || b.tax_minor || ' minor units' as expected,
       'tax ' || coalesce(sum(t.tax_minor), 0) || ' minor units' as found
  from billing.bill b left join billing.bill_tax t on t.tenant = b.tenant and t.bill_id = b.id
 where b.tenant = $1 group by b.bill_no, b.tax_minor having b.tax_minor <> coalesce(sum(t.tax_minor), 0) order by 1"""

_STRAY = """
select 'bill line ' || l.id as subject, 'a bill' as expected, 'none' as found
  from billing.bill_line l left join billing.bill b on b.tenant = l.tenant and b.id = l.bill_id
 where l.tenant = $1 and b.id is null order by 1"""

_NUMBERS = """
select 'bills of ' || coalesce(s.legal_entity, b.legal_entity) || ' in ' || coalesce(s.year, b.number_year) as subject,
       '1 to ' || coalesce(s.last_number, 0) as expected,
       coalesce(b.bills, 0) || ' bills, the last ' || coalesce(b.last_number, 0) as found
  from (select * from billing.number_sequence where tenant = $1) s
  full join (select legal_entity, number_year, count(*) as bills, max(number) as last_number from billing.bill
              where tenant = $1 group by 1, 2) b on b.legal_entity = s.legal_entity and b.number_year = s.year
 where s.last_number is distinct from b.bills or s.last_number is distinct from b.last_number order by 1"""

_DOCUMENTS = """
select 'bill ' || bill_no as subject, 'SHA-256 ' || document_sha256 as expected,
       'SHA-256 ' || encode(sha256(convert_to(document, 'UTF8')), 'hex') as found
  from billing.bill where tenant = $1 and document_sha256 <> encode(sha256(convert_to(document, 'UTF8')), 'hex') order by 1"""

_OWN = (
    (4, ONCE, _STRETCHES),
    (4, ONCE, _SUMS),
    (6, "a bill equals its lines", _LINES),
    (6, "a bill equals its taxes", _TAXES),
    (6, "each bill line is on a bill", _STRAY),
    (8, "numbers have no gaps", _NUMBERS),
    (8, "documents are as issued", _DOCUMENTS),
)

_CHARGED_PRODUCTS = """
select distinct product_id from billing.bill_line where tenant = $1 and product_id > $2 order by 1 limit $3"""

_USAGE_LINES = """
select l.id, l.records, l.quantity, b.bill_no, l.title from billing.bill_line l
  join billing.bill b on b.tenant = l.tenant and b.id = l.bill_id
 where l.tenant = $1 and l.kind = 'usage' and l.id > $2 order by l.id limit $3"""

_KNOWN_LINES = "select id from billing.bill_line where tenant = $1 and id = any($2::text[]) and kind = 'usage'"


async def billing_findings(session: ReadSession, context: Context) -> list[Finding]:
    """Everything in the tenant's bills that is wrong, at most a hundred findings a rule; empty when all is well."""
    found = []
    for invariant, rule, sql in _OWN:
        rows = await session.fetch(f"{sql} limit {FINDINGS_MAX}", context.tenant)
        found += [_finding(invariant, rule, row["subject"], row["expected"], row["found"]) for row in rows]
    for asked in (_charged_for_nothing, products_left_out, _usage_lines, _usage_elsewhere, _usage_left):
        number = 0
        async for finding in asked(session, context):
            found.append(finding)
            number += 1
            if number == FINDINGS_MAX:
                break
    return found


async def _charged_for_nothing(session: ReadSession, context: Context) -> AsyncIterator[Finding]:
    async for page in _pages(session, _CHARGED_PRODUCTS, "product_id", context):
        ids = [row["product_id"] for row in page]
        for missing in sorted(set(ids) - await products.existing(session, ids, context)):
            yield _finding(4, BEHIND, f"product {missing}", "a product of the inventory", "none, but bill lines for it")


async def _usage_lines(session: ReadSession, context: Context) -> AsyncIterator[Finding]:
    """Usage lines whose usage is not what they were made of."""
    async for page in _pages(session, _USAGE_LINES, "id", context):
        totals = await usage.billed_totals(session, [row["id"] for row in page], context)
        for row in page:
            billed, there = (row["records"], row["quantity"]), totals.get(row["id"], (0, 0))
            if billed != there:
                subject = f"bill {row['bill_no']}, line {row['title']} ({row['id']})"
                yield _finding(5, USED, subject, _records(billed), _records(there))


async def _usage_elsewhere(session: ReadSession, context: Context) -> AsyncIterator[Finding]:
    """Usage that says it is on a line that is not there."""
    after = ""
    while ids := await usage.billed_lines(session, context, after=after, limit=PAGE):
        known = {row["id"] for row in await session.fetch(_KNOWN_LINES, context.tenant, ids)}
        for stray in sorted(set(ids) - known):
            yield _finding(5, USED, f"bill line {stray}", "a usage line of a bill", "none, but usage billed on it")
        after = ids[-1]


async def _usage_left(session: ReadSession, context: Context) -> AsyncIterator[Finding]:
    """Usage that the account's last bill should have held and does not."""
    after = ""
    while accounts := await usage.accounts_unbilled(session, context, after=after, limit=PAGE):
        bills = await store.last_bills(session, context.tenant, accounts)
        cut_offs = [(bill.account_id, bill.cut_off, bill.issued_at - COMMITTED_WITHIN) for bill in bills.values()]
        for account, left in sorted((await usage.left_unbilled(session, cut_offs, context)).items()):
            expected = f"on bill {bills[account].bill_no} or one before"
            yield _finding(5, LEFT, f"usage of account {account}", expected, f"{_records(left)} on no bill")
        after = accounts[-1]


async def _pages(session: ReadSession, sql: str, key: str, context: Context) -> AsyncIterator[Sequence[Record]]:
    after = ""
    while page := await session.fetch(sql, context.tenant, after, PAGE):
        yield page
        after = page[-1][key]


def _records(total: tuple[int | None, int | None]) -> str:
    return f"{total[0] or 0} records, quantity {total[1] or 0}"


def _finding(invariant: int, rule: str, subject: str, expected: str, found: str) -> Finding:
    return Finding(invariant=invariant, rule=rule, subject=subject, expected=expected, found=found)

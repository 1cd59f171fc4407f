"""Invariants of billing, from the rows themselves: 4 (each day once), 6 (bills equal their lines), 8 (no gaps, unchanged).

Each query names its check and yields only what is wrong."""

from trunkline.bss.billing.contracts import Imbalance
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession

_LINES = """select 'bill equals its lines' as check, b.bill_no as scope, b.net_minor::text || '/' || b.tax_minor as expected,
       coalesce(sum(l.net_minor), 0)::text || '/' || coalesce(sum(l.tax_minor), 0) as found
  from billing.bill b left join billing.bill_line l on l.tenant = b.tenant and l.bill_id = b.id
 where b.tenant = $1 group by b.tenant, b.id, b.bill_no, b.net_minor, b.tax_minor
having b.net_minor <> coalesce(sum(l.net_minor), 0) or b.tax_minor <> coalesce(sum(l.tax_minor), 0)"""

_TAXES = """select 'bill equals its taxes' as check, b.bill_no as scope, b.tax_minor::text as expected,
       coalesce(sum(t.tax_minor), 0)::text as found
  from billing.bill b left join billing.bill_tax t on t.tenant = b.tenant and t.bill_id = b.id
 where b.tenant = $1 group by b.tenant, b.id, b.bill_no, b.tax_minor having b.tax_minor <> coalesce(sum(t.tax_minor), 0)"""

_NUMBERS = """select 'numbers have no gaps' as check, s.legal_entity || ' ' || s.year as scope, s.last_number::text as expected,
       coalesce(max(b.number), 0) || ' in ' || count(b.id) || ' bills' as found
  from billing.number_sequence s
  left join billing.bill b on b.tenant = s.tenant and b.legal_entity = s.legal_entity and b.number_year = s.year
 where s.tenant = $1 group by s.legal_entity, s.year, s.last_number
having s.last_number <> count(b.id) or s.last_number <> coalesce(max(b.number), 0)"""

_DOCUMENTS = """select 'documents are as issued' as check, bill_no as scope, document_sha256 as expected,
       encode(sha256(convert_to(document, 'UTF8')), 'hex') as found
  from billing.bill where tenant = $1 and document_sha256 <> encode(sha256(convert_to(document, 'UTF8')), 'hex')"""

# Days charged by the lines of a price = days from its first charged day to the day it is charged through. A price that is
# charged by another policy has lines that do not count days, and is left out.
_DAYS = """select 'each day is charged once' as check, c.product_id || ' ' || c.charge_key as scope,
       ((c.charged_through at time zone z.zone)::date - (c.charged_from at time zone z.zone)::date)::text as expected,
       z.days::text as found
  from billing.charged_through c
  join lateral (
    select sum(l.share_part) as days, min(b.time_zone) as zone, bool_and(l.share_unit = 'day') as by_day
      from billing.bill_line l join billing.bill b on b.tenant = l.tenant and b.id = l.bill_id
     where l.tenant = c.tenant and l.product_id = c.product_id and l.kind = 'recurring' and l.charge_key = c.charge_key) z on true
 where c.tenant = $1 and z.by_day
   and (c.charged_through at time zone z.zone)::date - (c.charged_from at time zone z.zone)::date <> z.days"""


async def imbalances(session: ReadSession, context: Context) -> list[Imbalance]:
    """Everything in the tenant's bills that does not add up; empty when all does."""
    found = []
    for sql in (_LINES, _TAXES, _NUMBERS, _DOCUMENTS, _DAYS):
        found += [Imbalance(**dict(row)) for row in await session.fetch(sql, context.tenant)]
    return found

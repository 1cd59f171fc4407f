"""SQL of billing. Every statement's first parameter is the tenant."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from trunkline.bss.billing.contracts import AccountOutcome, ChargedSpan, LastBill, OutcomeKind
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession, Record, UnitOfWork

LINE_COLUMNS = (
    "tenant, id, bill_id, position, account_id, product_id, product_name, order_id, order_item_id, kind, price_id,"
    " price_version, charge_key, price_name, unit_amount, title, formula, net_minor, tax_minor, currency, decimals, taxes,"
    " covers_start, covers_end, period_start, period_end, share_part, share_whole, share_unit, quantity, unit, records,"
    " created_at, tokens"
)
BILL_COLUMNS = (
    "tenant, id, account_id, account_name, bill_no, legal_entity, number_year, number, run_id, run_type, category, cycle_id,"
    " cycle_specification_id, cycle_name, cut_off_day, bill_date, due_date, period_start, period_end, issued_at, time_zone,"
    " currency, decimals, net_minor, tax_minor, gross_minor, related_party, tokens, template_version, document,"
    " document_sha256"
)


def _insert(table: str, columns: str) -> str:
    places = ", ".join(f"${n}" for n, _ in enumerate(columns.split(","), start=1))
    return f"insert into billing.{table}({columns}) values ({places})"


_BILL = _insert("bill", BILL_COLUMNS)
_LINE = _insert("bill_line", LINE_COLUMNS)
_TAX = _insert("bill_tax", "tenant, bill_id, category, percent, base_minor, tax_minor")


async def insert_bill(
    uow: UnitOfWork, bill: tuple[Any, ...], lines: Sequence[tuple[Any, ...]], taxes: Sequence[tuple[Any, ...]]
) -> None:
    """Store an issued bill; from here on the database refuses any change to it."""
    await uow.execute(_BILL, *bill)
    await uow.execute_many(_LINE, lines)
    await uow.execute_many(_TAX, taxes)


async def bill_of_cycle(session: ReadSession, tenant: str, account_id: str, day: date) -> str | None:
    """The id of the account's bill for a cycle day, or None."""
    found: str | None = await session.fetch_value(
        "select id from billing.bill where tenant = $1 and account_id = $2 and cut_off_day = $3 and run_type = 'onCycle'",
        tenant,
        account_id,
        day,
    )
    return found


async def last_bills(session: ReadSession, tenant: str, account_ids: list[str]) -> dict[str, LastBill]:
    """The bill that each of the accounts got last, of those that have one. A bill off the cycle counts up to its issue."""
    rows = await session.fetch(
        """select distinct on (account_id) account_id, bill_no, issued_at,
                  case run_type when 'onCycle' then bill_date else issued_at end as cut_off
             from billing.bill where tenant = $1 and account_id = any($2::text[])
            order by account_id, issued_at desc, id desc""",
        tenant,
        account_ids,
    )
    return {row["account_id"]: LastBill(**dict(row)) for row in rows}


async def charged_spans(
    session: ReadSession, tenant: str, product_ids: list[str]
) -> dict[tuple[str, str], ChargedSpan]:
    """How far the prices of products are charged, by (product, charge key)."""
    rows = await session.fetch(
        """select product_id, charge_key, charged_from, charged_through from billing.charged_through
            where tenant = $1 and product_id = any($2::text[])""",
        tenant,
        product_ids,
    )
    return {(row["product_id"], row["charge_key"]): ChargedSpan(**dict(row)) for row in rows}


async def put_charged(
    uow: UnitOfWork, tenant: str, account_id: str, bill_id: str | None, spans: Sequence[ChargedSpan]
) -> None:
    """Say how far prices are charged once the bill is issued."""
    await uow.execute_many(
        """insert into billing.charged_through
             (tenant, product_id, charge_key, account_id, charged_from, charged_through, bill_id)
           values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (tenant, product_id, charge_key) do update
             set charged_from = excluded.charged_from, charged_through = excluded.charged_through,
                 bill_id = excluded.bill_id, account_id = excluded.account_id""",
        [
            (tenant, span.product_id, span.charge_key, account_id, span.charged_from, span.charged_through, bill_id)
            for span in spans
        ],
    )


async def next_number(uow: UnitOfWork, tenant: str, legal_entity: str, year: int) -> int:
    """The next number of a legal entity's year. Its row stays locked until the bill is committed; a rollback gives the
    number back, so that there are no gaps."""
    number: int = await uow.fetch_value(
        """insert into billing.number_sequence(tenant, legal_entity, year, last_number) values ($1, $2, $3, 1)
           on conflict (tenant, legal_entity, year)
             do update set last_number = billing.number_sequence.last_number + 1
           returning last_number""",
        tenant,
        legal_entity,
        year,
    )
    return number


async def bill_row(session: ReadSession, tenant: str, id_: str) -> Record | None:
    """An issued bill, or None."""
    return await session.fetch_row("select * from billing.bill where tenant = $1 and id = $2", tenant, id_)


async def line_rows(session: ReadSession, tenant: str, bill_id: str) -> Sequence[Record]:
    """The lines of a bill in order."""
    return await session.fetch(
        "select * from billing.bill_line where tenant = $1 and tokens && array['bill.id=' || $2] order by position",
        tenant,
        bill_id,
    )


async def tax_rows(session: ReadSession, tenant: str, bill_id: str) -> Sequence[Record]:
    """The taxes of a bill."""
    return await session.fetch(
        "select * from billing.bill_tax where tenant = $1 and bill_id = $2 order by category, percent", tenant, bill_id
    )


async def open_run(
    uow: UnitOfWork, run_id: str, day: date, cycle_id: str | None, started_at: datetime, context: Context
) -> None:
    """Note that a run has begun; one that is taken up again keeps its beginning, and runs again unless it is complete."""
    await uow.execute(
        """insert into billing.bill_run(tenant, id, cut_off_day, cycle_id, state, started_at, correlation_id)
           values ($1, $2, $3, $4, 'running', $5, $6)
           on conflict (tenant, id) do update set state = 'running', finished_at = null
            where bill_run.state in ('failed', 'cancelled')""",
        context.tenant,
        run_id,
        day,
        cycle_id,
        started_at,
        context.correlation_id,
    )


async def close_run(uow: UnitOfWork, tenant: str, run_id: str, finished_at: datetime, state: str = "completed") -> None:
    """Note that a run has seen all its accounts, or how it ended before."""
    await uow.execute(
        "update billing.bill_run set state = $4, finished_at = $3 where tenant = $1 and id = $2 and state = 'running'",
        tenant,
        run_id,
        finished_at,
        state,
    )


async def put_outcome(uow: UnitOfWork, run_id: str, outcome: AccountOutcome, at: datetime, context: Context) -> None:
    """What a run did with an account; in the transaction that did it."""
    await uow.execute(
        """insert into billing.bill_run_account(tenant, run_id, account_id, outcome, bill_id, code, message, recorded_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8)
           on conflict (tenant, run_id, account_id) do update set outcome = excluded.outcome, bill_id = excluded.bill_id,
             code = excluded.code, message = excluded.message, recorded_at = excluded.recorded_at""",
        context.tenant,
        run_id,
        outcome.account_id,
        outcome.outcome,
        outcome.bill_id,
        outcome.code,
        outcome.message,
        at,
    )


async def done_accounts(session: ReadSession, tenant: str, run_id: str, account_ids: list[str]) -> set[str]:
    """Those of the accounts that the run has dealt with for good; failed ones are tried again."""
    rows = await session.fetch(
        """select account_id from billing.bill_run_account
            where tenant = $1 and run_id = $2 and account_id = any($3::text[]) and outcome <> 'failed'""",
        tenant,
        run_id,
        account_ids,
    )
    return {row["account_id"] for row in rows}


async def run_row(session: ReadSession, tenant: str, run_id: str) -> Record | None:
    """A run, or None."""
    return await session.fetch_row("select * from billing.bill_run where tenant = $1 and id = $2", tenant, run_id)


async def outcome_counts(session: ReadSession, tenant: str, run_id: str) -> dict[OutcomeKind, int]:
    """How many accounts of a run had which outcome."""
    rows = await session.fetch(
        "select outcome, count(*) as n from billing.bill_run_account where tenant = $1 and run_id = $2 group by outcome",
        tenant,
        run_id,
    )
    return {OutcomeKind(row["outcome"]): row["n"] for row in rows}


async def failures(session: ReadSession, tenant: str, run_id: str, limit: int = 100) -> list[AccountOutcome]:
    """The accounts that a run could not bill, with the reasons."""
    rows = await session.fetch(
        """select account_id, outcome, bill_id, code, message from billing.bill_run_account
            where tenant = $1 and run_id = $2 and outcome = 'failed' order by account_id limit $3""",
        tenant,
        run_id,
        limit,
    )
    return [AccountOutcome(**{**dict(row), "outcome": OutcomeKind(row["outcome"])}) for row in rows]

"""A bill run: account by account, each its own transaction, so that it can be killed anywhere and taken up again."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg

from trunkline.bss.account.resources import billing_accounts, billing_cycle_specifications
from trunkline.bss.billing import store
from trunkline.bss.billing.contracts import AccountOutcome, BillRunView, OutcomeKind, RunBills
from trunkline.bss.billing.issue import BillAccount, bill_account
from trunkline.bss.billing.model.terms import cycle_of
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, ReadSession, UnitOfWork
from trunkline.kernel.errors import Invalid, NotFound, TrunklineError
from trunkline.kernel.period import local_date
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.keyset import Place
from trunkline.kernel.tmf.query import Clause, Query
from trunkline.kernel.web.database_fault import DATABASE_AWAY, database_refusal

Progress = Callable[[int, int | None], Awaitable[None]]
"""Is told how many accounts are done, and of how many where that is known."""

FIRST_YEAR = 2000
_PAGE = 500


async def check_run(session: ReadSession, command: RunBills, context: Context) -> list[Document]:
    """The cycles that a run bills. Raises Invalid for a day that has not come or on which no named cycle is billed,
    NotFound for an unknown cycle."""
    if command.account_ids is not None and not command.account_ids:
        raise Invalid("noAccounts", "Name at least one account, or leave the list out.", path="$.accountIds")
    if command.cut_off_date.year < FIRST_YEAR:
        raise Invalid("cutOffTooEarly", f"No bill is of a day before {FIRST_YEAR}.", path="$.cutOffDate")
    cycles = await _cycles(session, command, context)
    for cycle in cycles:
        if command.cut_off_date > local_date(context.now, cycle_of(cycle).zone):
            raise Invalid(
                "cutOffInFuture",
                "Bills are made when their day has come.",
                message=f"{command.cut_off_date} has not begun in {cycle_of(cycle).zone.key}. Nothing was billed.",
                path="$.cutOffDate",
            )
    return cycles


async def run_bills(
    database: Database, run_id: str, command: RunBills, context: Context, progress: Progress | None = None
) -> BillRunView:
    """Bill every account of the cycles whose day it is. Taking a run up again, or running the day again, makes no second
    bill; accounts that failed are tried again.

    One account's failure is recorded with its reason and does not stop the others. Raises as `check_run`, and
    Unavailable when the database goes away.
    """
    async with database.unit_of_work() as uow:
        cycles = await check_run(uow, command, context)
        await open_run(uow, run_id, command, context)
        total = await _count(uow, command, cycles, context)
    done = 0
    async for page in _accounts(database, command, cycles, context):
        async with database.read() as session:
            settled = await store.done_accounts(session, context.tenant, run_id, page)
        for account_id in page:
            if account_id not in settled:
                await _one(database, run_id, command, account_id, context)
            done += 1
            if progress is not None:
                await progress(done, total)
    async with database.unit_of_work() as uow:
        await store.close_run(uow, context.tenant, run_id, context.now)
    async with database.read() as session:
        return await get_run(session, run_id, context)


async def open_run(uow: UnitOfWork, run_id: str, command: RunBills, context: Context) -> None:
    """Note a run, so that it can be seen before its first account is billed. Repeating changes nothing."""
    await store.open_run(uow, run_id, command.cut_off_date, command.cycle, context.now, context)


async def break_off(database: Database, run_id: str, state: str, context: Context) -> None:
    """Note that a run ended before it saw all its accounts: `failed` or `cancelled`. Running the day again goes on."""
    async with database.unit_of_work() as uow:
        await store.close_run(uow, context.tenant, run_id, database.clock.now(), state)


async def get_run(session: ReadSession, run_id: str, context: Context) -> BillRunView:
    """A run and how far it is. Raises NotFound."""
    row = await store.run_row(session, context.tenant, run_id)
    if row is None:
        raise NotFound("unknownBillRun", f"There is no bill run {run_id[:80]}.", path="$.id")
    counts = await store.outcome_counts(session, context.tenant, run_id)
    return BillRunView(
        id=run_id,
        state=row["state"],
        cut_off_date=row["cut_off_day"],
        cycle=row["cycle_id"],
        billed=counts.get(OutcomeKind.BILLED, 0),
        nothing_due=counts.get(OutcomeKind.NOTHING_DUE, 0),
        already_billed=counts.get(OutcomeKind.ALREADY_BILLED, 0),
        failed=counts.get(OutcomeKind.FAILED, 0),
        failures=await store.failures(session, context.tenant, run_id),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


async def _one(database: Database, run_id: str, command: RunBills, account_id: str, context: Context) -> None:
    """Bill one account and note the outcome with it, or note why it could not be billed."""
    try:
        async with database.unit_of_work() as uow:
            wanted = BillAccount(account_id=account_id, cut_off_day=command.cut_off_date, run_id=run_id)
            outcome = await bill_account(uow, wanted, context)
            await store.put_outcome(uow, run_id, outcome, context.now, context)
    except (TrunklineError, asyncpg.PostgresError) as error:
        refusal = error if isinstance(error, TrunklineError) else database_refusal(error)
        if refusal is None or refusal.code == DATABASE_AWAY:
            raise
        failed = AccountOutcome(
            account_id=account_id, outcome=OutcomeKind.FAILED, code=refusal.code, message=str(refusal)
        )
        async with database.unit_of_work() as uow:
            await store.put_outcome(uow, run_id, failed, context.now, context)


async def _cycles(session: ReadSession, command: RunBills, context: Context) -> list[Document]:
    if command.cycle is not None:
        cycle = await billing_cycle_specifications.get(session, command.cycle, context)
        if cycle_of(cycle).day_of_month != command.cut_off_date.day:
            raise Invalid(
                "notTheCyclesDay",
                f"This cycle is billed on day {cycle_of(cycle).day_of_month} of the month.",
                path="$.cutOffDate",
            )
        return [cycle]
    found = await billing_cycle_specifications.select(session, context, limit=1000)
    return [cycle for cycle in found if cycle_of(cycle).day_of_month == command.cut_off_date.day]


async def _count(session: ReadSession, command: RunBills, cycles: list[Document], context: Context) -> int | None:
    """How many accounts there are; None when there are too many to count cheaply."""
    if command.account_ids is not None:
        return len(set(command.account_ids))
    total = 0
    for cycle in cycles:
        page = await billing_accounts.page(session, Query(clauses=_in_cycle(cycle), limit=1), context)
        if page.total_is_estimate:
            return None
        total += page.total
    return total


def _in_cycle(cycle: Document) -> tuple[Clause, ...]:
    return (Clause("billStructure.cycleSpecification.id", "eq", (cycle["id"],)),)


async def _accounts(
    database: Database, command: RunBills, cycles: list[Document], context: Context
) -> AsyncIterator[list[str]]:
    """Ids of the accounts to bill, in pages, ordered."""
    if command.account_ids is not None:
        yield sorted(set(command.account_ids))
        return
    for cycle in cycles:
        after: Place | None = None
        while True:
            async with database.read() as session:
                page = await billing_accounts.page(
                    session, Query(clauses=_in_cycle(cycle), limit=_PAGE, after=after), context
                )
            if page.ids:
                yield page.ids
            if len(page.ids) < _PAGE:
                break
            after = page.places[-1]

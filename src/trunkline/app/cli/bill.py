"""`trunkline bill`: bill a day's accounts, list the bills, print one."""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from trunkline.app.cli.refusal import run as carry_out
from trunkline.app.cli.session import command_context, open_database
from trunkline.bss.billing import facade
from trunkline.bss.billing.contracts import BillRunView, RunBills
from trunkline.bss.billing.resources import customer_bills
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.document import decode
from trunkline.kernel.tmf.query import LIMIT_MAX, Clause, Query


@click.group()
def bill() -> None:
    """Bills: run, list, print."""


@bill.command()
@click.option(
    "--cut-off", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The cycle's day, as 2026-07-01; it has come."
)
@click.option("--cycle", metavar="ID", help="Only the accounts of this billing cycle.")
@click.option(
    "--account", "accounts", multiple=True, metavar="ID", help="Only this account; may be given several times."
)
def run(cut_off: datetime, cycle: str | None, accounts: tuple[str, ...]) -> None:
    """Bill all accounts whose day it is. Running a day again makes no second bill, and tries again what failed.

    Example: trunkline bill run --cut-off 2026-07-01
    """
    command = RunBills(cut_off_date=cut_off.date(), cycle=cycle, account_ids=list(accounts) or None)

    async def work() -> BillRunView:
        async with open_database() as database:
            with _bar() as bar:
                task = bar.add_task(f"bills of {command.cut_off_date}", total=None)

                async def advance(done: int, total: int | None) -> None:
                    bar.update(task, completed=done, total=total)

                return await facade.run_bills(database, new_id(), command, command_context(database), advance)

    view = carry_out(work())
    _say(view)
    sys.exit(1 if view.failed else 0)


@bill.command("list")
@click.option("--account", metavar="ID", help="Only the bills of this billing account.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only bills dated on or after this day (UTC).")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, LIMIT_MAX))
def list_(account: str | None, since: datetime | None, limit: int) -> None:
    """List bills, the newest first.

    Example: trunkline bill list --since 2026-07-01
    """
    clauses = [Clause("billingAccount.id", "eq", (account,))] if account else []
    if since is not None:
        clauses.append(Clause("billDate", "gte", (f"{since:%Y-%m-%d}T00:00:00Z",)))
    query = Query(clauses=tuple(clauses), sort=(("billDate", True), ("billNo", True)), limit=limit)

    async def work() -> None:
        async with open_database() as database, database.read() as session:
            page = await customer_bills.page(session, query, command_context(database))
        table = Table("number", "date", "account", "net", "gross", "due", "id")
        for text in page.texts:
            table.add_row(*_row(decode(text)))
        Console().print(table)
        if page.more:
            click.echo(f"There are more than these {len(page.texts)}; --limit shows up to {LIMIT_MAX}.", err=True)

    carry_out(work())


@bill.command("print")
@click.argument("bill_id")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path))
def print_(bill_id: str, file: Path) -> None:
    """Write the document of the bill BILL_ID to FILE as PDF; `-` writes it to the standard output.

    The same bill gives the same bytes, whenever it is printed. Example: trunkline bill print 0197… invoice.pdf
    """

    async def work() -> bytes:
        async with open_database() as database, database.read() as session:
            issued = await facade.issued(session, bill_id, command_context(database))
        return facade.render(issued)

    document = carry_out(work())
    if str(file) == "-":
        sys.stdout.buffer.write(document)
        return
    try:
        file.write_bytes(document)
    except OSError as error:
        raise click.ClickException(f"{file} could not be written: {error.strerror}.") from error
    click.echo(f"{file}  {len(document):,} bytes")


def _say(view: BillRunView) -> None:
    accounts = view.billed + view.nothing_due + view.already_billed + view.failed
    click.echo(f"run {view.id}  bills of {view.cut_off_date:%Y-%m-%d}")
    click.echo(
        f"accounts {accounts:,} = billed {view.billed:,} + nothing due {view.nothing_due:,}"
        f" + billed before {view.already_billed:,} + failed {view.failed:,}"
    )
    for failure in view.failures:
        click.echo(f"failed: account {failure.account_id}: {failure.message} ({failure.code})", err=True)
    if view.failed > len(view.failures):
        click.echo(f"… and {view.failed - len(view.failures):,} more accounts failed", err=True)


def _row(document: dict[str, Any]) -> tuple[str, ...]:
    account = document["billingAccount"]
    return (
        document["billNo"],
        str(date.fromisoformat(document["billDate"][:10])),
        account.get("name") or account["id"],
        _amount(document["taxExcludedAmount"]),
        _amount(document["taxIncludedAmount"]),
        document["paymentDueDate"][:10],
        document["id"],
    )


def _amount(money: dict[str, Any]) -> str:
    return f"{money['value']} {money['unit']}"


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("accounts"),
        console=Console(stderr=True),
        transient=True,
    )

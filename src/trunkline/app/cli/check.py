"""`trunkline check`: the invariants, and what the two halves and the network believe."""

import asyncio
import sys

import click
import msgspec
from rich.console import Console
from rich.table import Table

from trunkline.app.check import CheckReport, run_checks
from trunkline.app.cli.session import command_context, open_database
from trunkline.app.wiring import resources
from trunkline.kernel.errors import TrunklineError


@click.command()
@click.option("--tenant", help="Which tenant; the installation's own when left out.")
@click.option(
    "--redeliver", default=0, metavar="N", help="Deliver the newest N events again and see that nothing changes."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def check(tenant: str | None, redeliver: int, as_json: bool) -> None:
    """Check the invariants and reconcile the halves; exit with 1 when anything is found.

    Example: trunkline check --redeliver 1000
    """
    console = Console(stderr=as_json)

    async def run() -> CheckReport:
        async with open_database() as database:
            context = command_context(database, tenant)
            with console.status("checking") as status:
                return await run_checks(database, resources(), context, redeliver=redeliver, progress=status.update)

    try:
        report = asyncio.run(run())
    except TrunklineError as error:
        raise click.ClickException(str(error)) from error
    _show(console, report)
    if as_json:
        found = {"tenant": report.tenant, "passed": not report.findings, "findings": report.findings}
        click.echo(msgspec.json.encode(found).decode())
    sys.exit(1 if report.findings else 0)


def _show(console: Console, report: CheckReport) -> None:
    table = Table("", "Invariant", "Rule", "Found", "s", box=None)
    for rule in report.rules:
        mark = "[red]✗[/red]" if rule.findings else "[green]✓[/green]"
        table.add_row(mark, rule.invariants, rule.rule, str(len(rule.findings)), rule.seconds)
    console.print(table)
    for finding in report.findings:
        console.print(f"[red]✗[/red] {finding.invariant}: {finding.rule}: {finding.subject}", highlight=False)
        console.print(f"    expected {finding.expected}", highlight=False)
        console.print(f"    found    {finding.found}", highlight=False)

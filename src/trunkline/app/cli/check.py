"""`trunkline check`: the invariants, and what the two halves and the network believe."""

import sys

import click
import msgspec
from rich.console import Console
from rich.table import Table

from trunkline.app.check import CheckReport, run_checks
from trunkline.app.cli import refusal
from trunkline.app.cli.session import command_context, open_database
from trunkline.app.wiring import resources
from trunkline.kernel.errors import NotFound
from trunkline.kernel.security.audit_chain import tenants


@click.command()
@click.option("--tenant", help="Which tenant; all of them when left out.")
@click.option(
    "--redeliver",
    default=0,
    type=click.IntRange(min=0),
    metavar="N",
    help="Deliver the newest N events again and see that nothing changes; a worker must run, and nothing else happen.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def check(tenant: str | None, redeliver: int, as_json: bool) -> None:
    """Check the invariants and reconcile the halves; exit with 1 when anything is found.

    Example: trunkline check --redeliver 1000
    """
    console = Console(stderr=as_json)

    async def run() -> list[CheckReport]:
        async with open_database() as database:
            async with database.read() as session:
                known = await tenants(session)
            if tenant is not None and tenant not in known:
                raise NotFound("unknownTenant", f"There is no tenant {tenant}.", allowed=known)
            reports = []
            with console.status("checking") as status:
                for name in known if tenant is None else [tenant]:
                    context = command_context(database, name)
                    reports.append(
                        await run_checks(database, resources(), context, redeliver=redeliver, progress=status.update)
                    )
            return reports

    reports = refusal.run(run())
    for report in reports:
        _show(console, report)
    findings = [{"tenant": report.tenant, **msgspec.to_builtins(f)} for report in reports for f in report.findings]
    if as_json:
        rules = [
            {"tenant": report.tenant, "invariants": rule.invariants, "rule": rule.rule, "found": len(rule.findings)}
            for report in reports
            for rule in report.rules
        ]
        click.echo(msgspec.json.encode({"passed": not findings, "rules": rules, "findings": findings}).decode())
    sys.exit(1 if findings else 0)


def _show(console: Console, report: CheckReport) -> None:
    table = Table(
        "", "Invariant", "Rule", "Found", "s", box=None, title=f"tenant {report.tenant}", title_justify="left"
    )
    for rule in report.rules:
        mark = "[red]✗[/red]" if rule.findings else "[green]✓[/green]"
        table.add_row(mark, rule.invariants, rule.rule, str(len(rule.findings)), rule.seconds)
    console.print(table)
    for finding in report.findings:
        console.print(f"[red]✗[/red] {finding.invariant}: {finding.rule}: {finding.subject}", highlight=False)
        console.print(f"    expected {finding.expected}", highlight=False)
        console.print(f"    found    {finding.found}", highlight=False)

"""`trunkline usage`: import files, look at what is held, process it again."""

import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from trunkline.adapters.cdr_files.importing import DETAIL, Advance, ImportFile, formats, import_path, reprocess
from trunkline.app.cli import refusal
from trunkline.app.cli.session import command_context, open_database
from trunkline.app.settings import Settings
from trunkline.bss.usage import facade
from trunkline.bss.usage.contracts import Counts, ImportReport, Selection


@click.group()
def usage() -> None:
    """Usage: import files, look at suspense, process it again."""


@usage.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mapping", help="How the lines are read; `trunkline usage mappings` lists the names.")
@click.option("--detail", is_flag=True, help="The files are FreeRADIUS detail files.")
@click.option(
    "--zone", default="UTC", show_default=True, help="Time zone of the RADIUS server that wrote detail files."
)
def import_(files: tuple[Path, ...], mapping: str | None, detail: bool, zone: str) -> None:
    """Feed FILES of usage. Feeding a file twice changes nothing; bad lines are kept with their reason."""
    if detail == (mapping is not None):
        raise click.UsageError("Say how the files are read: either --detail or --mapping NAME.")
    name = mapping or DETAIL

    async def run() -> None:
        home = Settings.from_environment().home
        async with open_database() as database:
            for file in files:
                began = time.monotonic()
                with _bar() as bar:
                    task = bar.add_task(f"{file.name} ({name})", total=None, records=0)

                    async def advance(at: Advance, bar: Progress = bar, task: Any = task) -> None:
                        bar.update(task, completed=at.octets, total=at.octets_total, records=at.records)

                    request = ImportFile(name=file.name, mapping=name, zone=zone)
                    report = await import_path(database, file, request, home, command_context(database), advance)
                _say(report, time.monotonic() - began)

    refusal.run(run())


@usage.command()
def mappings() -> None:
    """List what kinds of file can be imported. Own ones go into `mappings/NAME.toml` in the installation's home."""
    for name, title in formats(Settings.from_environment().home).items():
        click.echo(f"{name:20} {title}")


@usage.group()
def suspense() -> None:
    """What is held: suspended and rejected records, with their reasons."""


@suspense.command("list")
@click.option("--reason", help="Only what is held for this reason, record by record.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
def list_(reason: str | None, limit: int) -> None:
    """List the reasons with their counts; with --reason the records."""

    async def run() -> None:
        async with open_database() as database, database.read() as session:
            context = command_context(database)
            if reason is None:
                table = Table("outcome", "reason", "records", "oldest")
                for row in await facade.summarise(session, context):
                    table.add_row(
                        row.outcome, row.reason, f"{row.records:,}", f"{row.oldest_received_at:%Y-%m-%d %H:%M}"
                    )
            else:
                table = Table("id", "source", "occurred", "who", "quantity", "why")
                for held in await facade.list_held(session, context, Selection(reason=reason), limit):
                    occurred = f"{held.occurred_at:%Y-%m-%d %H:%M:%S}" if held.occurred_at else ""
                    quantity = f"{held.quantity:,} {held.unit}" if held.unit else ""
                    source = f"{held.source} {held.source_ref}"
                    table.add_row(held.id, source, occurred, held.identifier or "", quantity, held.message or "")
            Console().print(table)

    refusal.run(run())


@suspense.command("reprocess")
@click.option("--reason", help="Only what is held for this reason.")
@click.option("--id", "ids", multiple=True, help="Only this record; may be given several times.")
@click.option("--zone", default="UTC", show_default=True, help="Time zone of detail files that are read again.")
def reprocess_(reason: str | None, ids: tuple[str, ...], zone: str) -> None:
    """Process held records again, after what was missing has been repaired."""

    async def run() -> None:
        home = Settings.from_environment().home
        async with open_database() as database:
            selection = Selection(reason=reason, ids=ids)
            done = await reprocess(database, selection, home, command_context(database), detail_zone=zone)
        click.echo(f"looked at {done.looked_at:,} = {_sum(done.counts)}")

    refusal.run(run())


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[records]:,} records"),
        console=Console(stderr=True),
        transient=True,
    )


def _say(report: ImportReport, seconds: float) -> None:
    counts = report.counts
    records = counts.records_in + counts.known
    click.echo(f"{report.name}  {records:,} records  {seconds:.1f} s")
    if counts.known:
        click.echo(f"{counts.known:,} were known already; nothing of them was changed")
    click.echo(f"in {counts.records_in:,} = {_sum(counts)}")
    for outcome, reasons in (("suspended", report.suspended_by_reason), ("rejected", report.rejected_by_reason)):
        for reason, number in sorted(reasons.items()):
            click.echo(f"{outcome}: {number:,} {reason} → trunkline usage suspense list --reason {reason}")


def _sum(counts: Counts) -> str:
    return (
        f"rated {counts.rated:,} + free {counts.free:,} + suspended {counts.suspended:,} + rejected {counts.rejected:,}"
    )

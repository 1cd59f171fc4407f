"""`trunkline catalog`: the catalogs of both halves as files under version control."""

import difflib
import sys
from pathlib import Path
from typing import Any

import click

from trunkline.app.cli import refusal
from trunkline.app.cli.session import command_context, open_database
from trunkline.app.wiring import resources
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.transfer import Difference, Problem, compare_tree, store_tree, write_tree

_folder = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
_there = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
_tenant = click.option("--tenant", help="Otherwise the installation's own.")


@click.group()
def catalog() -> None:
    """Catalogs as code: specifications, offerings, prices, categories as files, one a record.

    \b
    On the test installation:  trunkline catalog write catalog/ && git commit
    On the live one:           trunkline catalog diff catalog/
                               trunkline catalog store catalog/ --reason "release 2026-07"
    """


@catalog.command()
@_folder
@_tenant
def write(folder: Path, tenant: str | None) -> None:
    """Make FOLDER hold the catalogs as they are. Files that are right are not touched; records' files without a record go."""

    async def run() -> tuple[int, int]:
        async with open_database() as database:
            return await write_tree(database, catalogs(), folder, command_context(database, tenant))

    written, removed = refusal.run(run())
    click.echo(f"{folder}: {written:,} files written, {removed:,} removed")


@catalog.command()
@_there
@_tenant
@click.option("--names", is_flag=True, help="Only which records differ.")
def diff(folder: Path, tenant: str | None, names: bool) -> None:
    """Show how the files in FOLDER differ from the catalogs: what `store` would change. Ends with status 1 where they do."""

    async def run() -> tuple[list[Difference], list[Problem]]:
        async with open_database() as database, database.read() as session:
            return await compare_tree(session, catalogs(), folder, command_context(database, tenant))

    differences, problems = refusal.run(run())
    for difference in differences:
        if names:
            mark = "+" if difference.installed is None else "-" if difference.filed is None else "~"
            click.echo(f"{mark} {difference.path}")
        else:
            _show(difference)
    _tell(problems)
    if differences or problems:
        sys.exit(1)
    click.echo("No difference.")


@catalog.command()
@_there
@_tenant
@click.option("--delete", is_flag=True, help="Delete records that have no file; otherwise they stay.")
@click.option("--dry-run", is_flag=True, help="Check everything and store nothing.")
@click.option("--reason", help="Kept in the audit trail with each change: which release, from where.")
def store(folder: Path, tenant: str | None, delete: bool, dry_run: bool, reason: str | None) -> None:
    """Make the catalogs what the files in FOLDER say: all of it, or nothing when a file is refused.

    Doing it again changes nothing. A record moves under its life cycle only.
    """

    async def run() -> Any:
        async with open_database() as database:
            context = command_context(database, tenant, reason or f"catalog store {folder.name}")
            return await store_tree(database, catalogs(), folder, context, delete=delete, dry_run=dry_run)

    stored = refusal.run(run())
    _tell(stored.problems)
    counts = f"created {stored.created:,} + changed {stored.changed:,} + unchanged {stored.unchanged:,}"
    click.echo(counts + (f", deleted {stored.deleted:,}" if delete else ""))
    if dry_run or stored.problems:
        click.echo("Nothing was stored." if stored.problems else "That was a dry run: nothing was stored.")
    if stored.problems:
        sys.exit(1)


def catalogs() -> list[Resource[Any]]:
    """The resources of the catalog domains, those that others refer to first: OSS before BSS, then as they are declared."""
    found = [resource for resource in resources() if resource.domain.endswith("_catalog") and resource.writable]
    order = ("resource_catalog", "service_catalog", "product_catalog")
    return sorted((one for one in found if one.domain in order), key=lambda resource: order.index(resource.domain))


def _show(difference: Difference) -> None:
    before, after = difference.installed or "", difference.filed or ""
    lines = difflib.unified_diff(
        before.splitlines(),
        after.splitlines(),
        f"installed/{difference.path}" if difference.installed else "/dev/null",
        f"files/{difference.path}" if difference.filed else "/dev/null",
        lineterm="",
    )
    for line in lines:
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        click.secho(line, fg=colour)


def _tell(problems: list[Problem]) -> None:
    for problem in problems:
        at = f" {problem.at}" if problem.at else ""
        click.echo(f"{problem.path}{at}: {problem.reason}", err=True)

"""`trunkline reference`: what the records of one half name in the other and nobody knows there."""

import click
from rich.console import Console
from rich.table import Table

from trunkline.app.cli.refusal import run
from trunkline.app.cli.session import command_context, open_database
from trunkline.kernel.tmf.crossing import LIST_MAX, choose_strict
from trunkline.kernel.tmf.crossing import unresolved as find_unresolved


@click.group()
def reference() -> None:
    """References between the halves: what is not known, and whether it is taken."""


@reference.command()
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, LIST_MAX))
def unresolved(limit: int) -> None:
    """List references to what no event has told of, the oldest first.

    Each is either mistyped, or its event is parked (`trunkline events parked`). Mend the record by PATCH; it leaves the
    list by itself when what it names becomes known.

    Example: trunkline reference unresolved
    """

    async def work() -> None:
        async with open_database() as database, database.read() as session:
            rows = await find_unresolved(session, command_context(database), limit=limit)
        if not rows:
            click.echo("Every reference leads to something that is known.")
            return
        table = Table("record", "at", "names", "since")
        for row in rows:
            names = f"{' or '.join(row.targets)} {row.target_id}"
            table.add_row(f"{row.resource} {row.id}", row.path, names, row.since[:16])
        Console().print(table)

    run(work())


@reference.command()
@click.argument("choice", type=click.Choice(["strict", "lenient"]))
def policy(choice: str) -> None:
    """Refuse references to what is not known (strict), or keep and mark them (lenient, as at first).

    Example: trunkline reference policy strict
    """

    async def work() -> None:
        async with open_database() as database, database.unit_of_work() as uow:
            await choose_strict(uow, command_context(database), strict=choice == "strict")

    run(work())
    click.echo("refused from now on" if choice == "strict" else "kept and marked from now on")

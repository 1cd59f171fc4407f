"""`trunkline hub`: who subscribed to events, what waits for them, what was given up, and trying that again."""

import click
from rich.console import Console
from rich.table import Table

from trunkline.app.cli.events import print_parked
from trunkline.app.cli.refusal import run
from trunkline.app.cli.session import command_context, open_database
from trunkline.kernel.events import hub_backlog as facade
from trunkline.kernel.events.parked import LIMIT, list_parked, replay


@click.group()
def hub() -> None:
    """Subscribers of events: list, show, parked, replay."""


@hub.command("list")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, LIMIT))
def list_(limit: int) -> None:
    """List subscribers with their backlog: what waits since when, what fails, what is parked.

    Example: trunkline hub list
    """

    async def work() -> None:
        async with open_database() as database, database.read() as session:
            rows = await facade.list_subscribers(session, command_context(database), limit)
        if not rows:
            click.echo("Nobody has subscribed.")
            return
        table = Table("id", "api", "callback", "waiting", "oldest", "failing", "parked")
        for row in rows:
            oldest = f"{row.oldest_at:%Y-%m-%d %H:%M:%S}" if row.oldest_at else ""
            table.add_row(
                *(row.id, row.api.removeprefix("/tmf-api/"), row.callback),
                *(str(row.waiting), oldest, str(row.failing), str(row.parked)),
            )
        Console().print(table)

    run(work())


@hub.command()
@click.argument("id_", metavar="ID")
def show(id_: str) -> None:
    """Show the subscription ID: what it wants, how far its subscriber is, and the last failure.

    Example: trunkline hub show 0197c3a0-0000-7000-8000-000000000001
    """

    async def work() -> None:
        async with open_database() as database, database.read() as session:
            row = await facade.get_subscriber(session, command_context(database), id_)
        for name in row.__struct_fields__:
            value = getattr(row, name)
            click.echo(f"{name.replace('_', ' '):<12}{'' if value is None else value}".rstrip())

    run(work())


@hub.command()
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, LIMIT))
def parked(id_: str | None, limit: int) -> None:
    """List the notifications that were given up, of the subscription ID or of all, with why.

    Example: trunkline hub parked
    """

    async def work() -> None:
        async with open_database() as database, database.read() as session:
            context = command_context(database)
            ids = [row.id for row in await facade.list_subscribers(session, context)] if id_ is None else [id_]
            if id_ is not None:
                await facade.get_subscriber(session, context, id_)
            rows = [
                row
                for one in ids
                for row in await list_parked(session, context, consumer=facade.PREFIX + one, limit=limit)
            ]
        print_parked(rows[:limit])

    run(work())


@hub.command("replay")
@click.argument("id_", metavar="ID")
def replay_(id_: str) -> None:
    """Send what was given up again, with all its attempts: one notification (an id of `hub parked`), or all of a
    subscription.

    Example: trunkline hub replay 0197c3a0-0000-7000-8000-000000000001
    """

    async def work() -> int:
        async with open_database() as database, database.unit_of_work() as uow:
            context = command_context(database)
            if f":{facade.PREFIX}" in id_:
                await replay(uow, id_, context)
                return 1
            return await facade.replay_subscriber(uow, context, id_)

    count = run(work())
    click.echo(
        f"{count} notifications are sent again by the next worker that is free" if count else "Nothing is parked."
    )

"""`trunkline events`: parked events, which hold up the later events of the same resource until somebody decides."""

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from trunkline.app.cli.refusal import run
from trunkline.app.cli.session import command_context, open_database
from trunkline.kernel.events import parked as facade


@click.group()
def events() -> None:
    """Parked events: list, replay, skip."""


@events.command()
@click.option("--consumer", help="Only what this consumer could not digest.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, facade.LIMIT))
def parked(consumer: str | None, limit: int) -> None:
    """List parked events, the oldest first, with why, and how many events wait behind each.

    Example: trunkline events parked --consumer flows.order_to_activate.hand_over
    """

    async def work() -> None:
        async with open_database() as database, database.read() as session:
            rows = await facade.list_parked(session, command_context(database), consumer=consumer, limit=limit)
        print_parked(rows)

    run(work())


@events.command()
@click.argument("id_", metavar="ID")
def replay(id_: str) -> None:
    """Try the parked event ID again, with all its attempts, after what was wrong has been mended.

    Example: trunkline events replay 4711:flows.order_to_activate.hand_over
    """

    async def work() -> None:
        async with open_database() as database, database.unit_of_work() as uow:
            await facade.replay(uow, id_, command_context(database))

    run(work())
    click.echo(f"{id_} is tried again by the next worker that is free")


@events.command()
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True, help="Why it may be left out; kept in the audit trail.")
def skip(id_: str, reason: str) -> None:
    """Give the parked event ID up for its consumer, so that what waits behind it may pass. The event stays in the log.

    Example: trunkline events skip 4711:flows.order_to_activate.hand_over --reason "the order was entered by mistake"
    """

    async def work() -> None:
        async with open_database() as database, database.unit_of_work() as uow:
            await facade.skip(uow, id_, reason, command_context(database))

    run(work())
    click.echo(f"{id_} is skipped")


def print_parked(rows: Sequence[facade.Parked]) -> None:
    """Parked deliveries as a table."""
    if not rows:
        click.echo("Nothing is parked.")
        return
    table = Table("id", "event", "resource", "since", "tries", "waiting", "why")
    for row in rows:
        resource = f"{row.resource} {row.resource_id}"
        since = f"{row.parked_at:%Y-%m-%d %H:%M}"
        table.add_row(row.id, row.event_type, resource, since, str(row.attempts), str(row.waiting), row.error)
    Console().print(table)

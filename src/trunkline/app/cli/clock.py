"""`trunkline clock`: see and move the installation's clock."""

from datetime import datetime

import click

from trunkline.app.cli import refusal
from trunkline.app.cli.session import command_context, open_database
from trunkline.app.settings import Settings
from trunkline.kernel.clock import clock_fixed
from trunkline.kernel.db.clock_store import move_clock


@click.group()
def clock() -> None:
    """The installation's clock; movable in demo and test."""


@clock.command()
def show() -> None:
    """Print the present instant.

    Example: trunkline clock show
    """

    async def run() -> None:
        async with open_database() as database:
            click.echo(f"{database.clock.now():%Y-%m-%dT%H:%M:%SZ} ({database.clock.offset} ahead of the machine)")

    refusal.run(run())


@clock.command()
@click.argument("instant")
def move(instant: str) -> None:
    """Move the clock forward to INSTANT.

    Example: trunkline clock move 2026-07-01T06:00:00+02:00
    """
    try:
        target = datetime.fromisoformat(instant)
    except ValueError as error:
        raise click.BadParameter("an instant reads 2026-07-01T06:00:00+02:00", param_hint="INSTANT") from error

    async def run() -> None:
        if Settings.from_environment().mode != "demo":
            raise clock_fixed()
        async with open_database() as database, database.unit_of_work() as uow:
            await move_clock(uow, database.clock, target, command_context(database))

    refusal.run(run())

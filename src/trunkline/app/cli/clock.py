"""`trunkline clock`: see and move the installation's clock."""

import asyncio
from datetime import datetime

import click

from trunkline.app.cli.session import command_context, open_database
from trunkline.app.settings import Settings
from trunkline.kernel.db.clock_store import move_clock
from trunkline.kernel.errors import TrunklineError


@click.group()
def clock() -> None:
    """The installation's clock; movable in demo and test."""


@clock.command()
def show() -> None:
    """Print the present instant."""

    async def run() -> None:
        async with open_database() as database:
            click.echo(f"{database.clock.now():%Y-%m-%dT%H:%M:%SZ} ({database.clock.offset} ahead of the machine)")

    asyncio.run(run())


@clock.command()
@click.argument("instant")
def move(instant: str) -> None:
    """Move the clock forward to INSTANT, as 2026-07-01T06:00:00+02:00."""
    if Settings.from_environment().mode != "demo":
        raise click.ClickException("The clock of a production installation is not moved (TRUNKLINE_MODE=demo).")
    try:
        target = datetime.fromisoformat(instant)
    except ValueError as error:
        raise click.BadParameter("an instant reads 2026-07-01T06:00:00+02:00") from error

    async def run() -> None:
        async with open_database() as database, database.unit_of_work() as uow:
            await move_clock(uow, database.clock, target, command_context(database))

    try:
        asyncio.run(run())
    except TrunklineError as error:
        raise click.ClickException(str(error)) from error

"""`trunkline up`, `serve`, `work`: an installation and its processes."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import click
import uvicorn
from rich.console import Console

from trunkline.app.child import ProcessSpec
from trunkline.app.cli import refusal
from trunkline.app.http import Server
from trunkline.app.one_write import OneWriteProtocol
from trunkline.app.prepare import KEY_FILE, prepare
from trunkline.app.processes import Supervisor, answers, read_running
from trunkline.app.revision import newest_revision
from trunkline.app.settings import Settings
from trunkline.app.worker import work as run_worker
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.errors import TrunklineError, Unavailable
from trunkline.kernel.telemetry.logs import configure_logging

GRACE_S = 10


@click.command()
def up() -> None:
    """Start Trunkline with everything it needs, and say where to look.

    Starts the embedded PostgreSQL (unless TRUNKLINE_DATABASE_URL names another), brings the schema up to date, loads the
    demo operator in demo mode, and runs the server and a worker until Ctrl-C. What dies is started again.
    """
    settings = Settings.from_environment()
    console = Console()
    running = read_running(settings.home)
    if running is not None:
        raise click.ClickException(f"Trunkline runs here already: process {running.pid}, home {settings.home}.")
    configure_logging(settings.log, settings.log_level)
    embedded = None if settings.database_url else EmbeddedServer(settings.home)
    try:
        dsn = settings.database_url or _start(embedded)
        asyncio.run(_bring_up_to_date(settings, dsn))
        Supervisor(settings.home, _children(settings), server=embedded).run(lambda: _say(console, settings))
    except TrunklineError as error:
        raise click.ClickException(refusal.text(error)) from error
    finally:
        if embedded is not None and embedded.is_running:
            embedded.stop()


@click.command()
def serve() -> None:
    """Serve the API (one process). `trunkline up` runs it for you."""
    settings = Settings.from_environment()
    configure_logging(settings.log, settings.log_level)
    uvicorn.run(
        Server(settings, dsn_of(settings)),
        host=settings.http_host,
        port=settings.http_port,
        loop="uvloop",
        http=OneWriteProtocol,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )


@click.command()
def work() -> None:
    """Work: events, plans, jobs, audit seals (one process). `trunkline up` runs it for you; more may run anywhere."""
    settings = Settings.from_environment()
    configure_logging(settings.log, settings.log_level)
    asyncio.run(run_worker(settings, dsn_of(settings)))


def dsn_of(settings: Settings) -> str:
    """Where the installation's database answers."""
    return settings.database_url or EmbeddedServer(settings.home).dsn


def _start(embedded: EmbeddedServer | None) -> str:
    assert embedded is not None  # there is no other database then
    return embedded.start()


async def _bring_up_to_date(settings: Settings, dsn: str) -> None:
    """Migrate in a process of its own, and only when needed: Alembic's memory is not kept, and a second start is fast."""
    connection = await asyncpg.connect(dsn)
    try:
        known = await connection.fetchval("select to_regclass('public.migration') is not null")
        current = await connection.fetchval("select version_num from public.migration") if known else None
    finally:
        await connection.close()
    if current != newest_revision():
        environment = {**os.environ, "TRUNKLINE_DATABASE_URL": dsn}
        words = (sys.executable, "-m", "trunkline", "db", "upgrade")
        migration = await asyncio.create_subprocess_exec(*words, env=environment)
        if await migration.wait() != 0:
            raise Unavailable("notMigrated", "The schema could not be brought up to date.", message="Why stands above.")
    await prepare(settings, dsn)


def _children(settings: Settings) -> list[ProcessSpec]:
    program = (sys.executable, "-m", "trunkline")
    host = "127.0.0.1" if settings.http_host in ("0.0.0.0", "::") else settings.http_host  # noqa: S104  # compared only
    url = f"http://{host}:{settings.http_port}"
    return [
        ProcessSpec(
            name="serve", argv=(*program, "serve"), ready=answers(host, settings.http_port, "/health/ready"), url=url
        ),
        ProcessSpec(name="work", argv=(*program, "work")),
        *(
            [ProcessSpec(name="demo", argv=(*program, "demo"))]
            if settings.mode == "demo" and settings.demo_life
            else []
        ),
    ]


def _say(console: Console, settings: Settings) -> None:
    url = f"http://{settings.http_host}:{settings.http_port}"
    key = _shown(settings.home / KEY_FILE)
    console.print(f"[bold green]Trunkline is up.[/bold green] Look at [link={url}]{url}[/link]")
    console.print(f"  operator's key   {key}")
    example = f"{url}/tmf-api/productCatalogManagement/v5/productOffering"
    console.print(f"  try              curl -H \"Authorization: Bearer $(cat '{key}')\" {example}", soft_wrap=True)
    console.print("  a whole operator trunkline story run S1")
    console.print(f"  logs             {_shown(settings.home / 'log')}    stop with Ctrl-C", highlight=False)


def _shown(path: Path) -> str:
    """Relative where that is shorter to read."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

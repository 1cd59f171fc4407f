"""`trunkline up`: an installation and its processes. It loads nothing of what they do: that is their work, at once."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import click
from rich.console import Console

from trunkline.app.child import ProcessSpec
from trunkline.app.cli import refusal
from trunkline.app.place import KEY_FILE, NETWORK_KEY_FILE, with_port
from trunkline.app.processes import Supervisor, answers, read_running
from trunkline.app.revision import newest_revision
from trunkline.app.settings import Settings
from trunkline.kernel.db.connecting import connect
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.errors import TrunklineError, Unavailable
from trunkline.kernel.telemetry.logs import configure_logging


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
    settings = with_port(settings)
    configure_logging(settings.log, settings.log_level)
    embedded = None if settings.database_url else EmbeddedServer(settings.home)
    try:
        dsn = settings.database_url or _start(embedded)
        _prepare(console, settings, dsn)
        Supervisor(settings.home, _children(settings), server=embedded).run(lambda: _say(console, settings))
    except TrunklineError as error:
        raise click.ClickException(refusal.text(error)) from error
    finally:
        if embedded is not None and embedded.is_running:
            embedded.stop()


def _start(embedded: EmbeddedServer | None) -> str:
    assert embedded is not None  # there is no other database then
    return embedded.start()


def _prepare(console: Console, settings: Settings, dsn: str) -> None:
    """Before the first start of a release, in a process of its own: what Alembic takes of memory is not kept. Later starts
    leave it to the worker (`trunkline work --prepare`), which has loaded what it needs anyway."""
    keys = (settings.home / name for name in (KEY_FILE, NETWORK_KEY_FILE))
    if asyncio.run(_revision(dsn)) == newest_revision() and all(key.exists() for key in keys):
        return
    console.print("The database is being made ready: some ten seconds, only this once.")
    words = (sys.executable, "-m", "trunkline", "db", "prepare")
    if subprocess.run(words, env={**os.environ, "TRUNKLINE_DATABASE_URL": dsn}, check=False).returncode != 0:
        raise Unavailable("notPrepared", "The database could not be made ready.", message="Why stands above.")


async def _revision(dsn: str) -> str | None:
    connection = await connect(dsn)
    try:
        known = await connection.fetchval("select to_regclass('public.migration') is not null")
        return await connection.fetchval("select version_num from public.migration") if known else None
    finally:
        await connection.close()


def _children(settings: Settings) -> list[ProcessSpec]:
    program = (sys.executable, "-m", "trunkline")
    host = "127.0.0.1" if settings.http_host in ("0.0.0.0", "::") else settings.http_host  # noqa: S104  # compared only
    url = f"http://{host}:{settings.http_port}"
    return [
        ProcessSpec(
            name="serve", argv=(*program, "serve"), ready=answers(host, settings.http_port, "/health/ready"), url=url
        ),
        ProcessSpec(name="work", argv=(*program, "work", "--prepare")),
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
    console.print(f"  a whole operator {_program()} story run S1", soft_wrap=True)
    console.print(f"  logs             {_shown(settings.home / 'log')}    stop with Ctrl-C", highlight=False)


def _program() -> str:
    """How this program is called from here."""
    return _shown(Path(sys.argv[0]).absolute()) if Path(sys.argv[0]).name == "trunkline" else "trunkline"


def _shown(path: Path) -> str:
    """Relative where that is shorter to read."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

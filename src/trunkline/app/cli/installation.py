"""`trunkline up`, `serve`, `work`: an installation and its processes."""

import asyncio
import errno
import os
import socket
import sys
from pathlib import Path

import click
import msgspec
import uvicorn
from rich.console import Console

from trunkline.app.child import ProcessSpec
from trunkline.app.cli import refusal
from trunkline.app.http import HttpServer, Server
from trunkline.app.one_write import OneWriteProtocol
from trunkline.app.prepare import KEY_FILE, prepare
from trunkline.app.processes import Supervisor, answers, read_running
from trunkline.app.revision import newest_revision
from trunkline.app.settings import Settings
from trunkline.app.worker import work as run_worker
from trunkline.kernel.db.connecting import connect
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.errors import TrunklineError, Unavailable
from trunkline.kernel.telemetry.logs import configure_logging

GRACE_S = 10
STARTUP_FAILURE = 3
"""As uvicorn's own command exits."""


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
    settings = _with_port(settings)
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
    settings = _with_port(Settings.from_environment())
    configure_logging(settings.log, settings.log_level)
    app = Server(settings, dsn_of(settings))
    config = uvicorn.Config(
        app,
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
    server = HttpServer(config, app)
    server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


@click.command()
def work() -> None:
    """Work: events, plans, jobs, audit seals (one process). `trunkline up` runs it for you; more may run anywhere."""
    settings = Settings.from_environment()
    configure_logging(settings.log, settings.log_level)
    asyncio.run(run_worker(settings, dsn_of(settings)))


def _with_port(settings: Settings) -> Settings:
    """The settings with a port that is free, for this process and those it starts. Raises ClickException where the one
    asked for is taken."""
    host, port = settings.http_host, settings.http_port
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
            found: int = trial.getsockname()[1]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            said = f"Port {port} on {host} is taken by another program. Nothing was started."
            raise click.ClickException(f"{said} Stop it, or choose another port: TRUNKLINE_HTTP_PORT=8090.") from error
        said = f"The API cannot listen on {host}, port {port}: {error.strerror or error}. Nothing was started."
        raise click.ClickException(f"{said} Correct TRUNKLINE_HTTP_HOST or TRUNKLINE_HTTP_PORT.") from error
    os.environ["TRUNKLINE_HTTP_PORT"] = str(found)
    return msgspec.structs.replace(settings, http_port=found)


def dsn_of(settings: Settings) -> str:
    """Where the installation's database answers."""
    return settings.database_url or EmbeddedServer(settings.home).dsn


def _start(embedded: EmbeddedServer | None) -> str:
    assert embedded is not None  # there is no other database then
    return embedded.start()


async def _bring_up_to_date(settings: Settings, dsn: str) -> None:
    """Migrate in a process of its own, and only when needed: Alembic's memory is not kept, and a second start is fast."""
    connection = await connect(dsn)
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
    console.print(f"  a whole operator {_program()} story run S1", soft_wrap=True)
    console.print(f"  logs             {_shown(settings.home / 'log')}    stop with Ctrl-C", highlight=False)


def _program() -> str:
    """How this program is called from here."""
    return _shown(Path(sys.argv[0]).absolute()) if Path(sys.argv[0]).name == "trunkline" else "trunkline"


def _shown(path: Path) -> str:
    """Relative where that is shorter to read."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

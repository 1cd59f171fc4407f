"""`trunkline serve`, `work`: the processes of an installation."""

import asyncio
import sys

import click
import uvicorn

from trunkline.app.http import HttpServer, Server
from trunkline.app.one_write import OneWriteProtocol
from trunkline.app.place import dsn_of, with_port
from trunkline.app.prepare import prepare as prepare_database
from trunkline.app.settings import Settings
from trunkline.app.worker import work as run_worker
from trunkline.kernel.telemetry.logs import configure_logging

GRACE_S = 10
STARTUP_FAILURE = 3
"""As uvicorn's own command exits."""


@click.command()
def serve() -> None:
    """Serve the API (one process). `trunkline up` runs it for you."""
    settings = with_port(Settings.from_environment())
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
@click.option("--prepare", is_flag=True, help="First see that the tenant, its keys and the demo operator are there.")
def work(*, prepare: bool) -> None:
    """Work: events, plans, jobs, audit seals (one process). `trunkline up` runs it for you; more may run anywhere."""
    settings = Settings.from_environment()
    configure_logging(settings.log, settings.log_level)
    if prepare:
        asyncio.run(prepare_database(settings, dsn_of(settings)))
    asyncio.run(run_worker(settings, dsn_of(settings)))

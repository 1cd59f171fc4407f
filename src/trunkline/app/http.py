"""The HTTP server of one process: opens the database, serves the endpoints, closes in order."""

import contextlib
import os
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from trunkline.app import wiring
from trunkline.app.clock_follower import following_clock
from trunkline.app.revision import newest_revision
from trunkline.app.settings import Settings
from trunkline.kernel.clock import Clock
from trunkline.kernel.db import Database
from trunkline.kernel.events.stream import StreamLimits
from trunkline.kernel.events.streams import Streams
from trunkline.kernel.idempotency.edge import with_idempotency
from trunkline.kernel.security.api import Security
from trunkline.kernel.telemetry.api import endpoints as telemetry_endpoints
from trunkline.kernel.telemetry.metrics import Metrics
from trunkline.kernel.telemetry.observer import Telemetry
from trunkline.kernel.telemetry.traces import open_traces
from trunkline.kernel.web import Frame
from trunkline.kernel.web.router import Router

POOL_SIZE = 8


class Server:
    """The ASGI application. Its endpoints are made when the server starts, because they need the database."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        self._settings = settings
        self._dsn = dsn
        self._router: Router | None = None
        self._streams = Streams(StreamLimits(streams=settings.event_streams))
        self._lifespan_app = Starlette(lifespan=self._lifespan)

    def end_streams(self) -> None:
        """Let the event streams end: the server stops and waits for open answers."""
        self._streams.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._router is None:
            await self._lifespan_app(scope, receive, send)
        else:
            await self._router(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        database = await Database.connect(self._dsn, clock=Clock(), max_size=POOL_SIZE)
        security = Security(database, self._settings.security())
        metrics, traces = Metrics(), open_traces(os.environ, "trunkline-serve")
        await security.start()
        try:
            async with following_clock(database):
                frame = Frame(
                    database=database,
                    authenticate=security.authenticate,
                    observer=Telemetry(metrics, traces),
                    run=with_idempotency,
                )
                telemetry = telemetry_endpoints(metrics, migration_head=newest_revision())
                self._router = Router(wiring.endpoints(self._settings, security, telemetry, self._streams), frame)
                yield
        finally:
            self._router = None
            traces.close()
            await security.close()
            await database.close()


class HttpServer(uvicorn.Server):
    """uvicorn's server, which tells the application that it stops before it waits for open answers: an event stream would
    never end by itself."""

    def __init__(self, config: uvicorn.Config, app: Server) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.end_streams()
        await super().shutdown(sockets)

"""From an HTTP request to an endpoint's handler and back: authenticate, permit, run, answer."""

import contextlib
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import TrunklineError, Unauthenticated
from trunkline.kernel.ids import new_id
from trunkline.kernel.web.body import check_coding, receive
from trunkline.kernel.web.endpoint import Call, Endpoint, Reply, forbidden, permits
from trunkline.kernel.web.fault import error_reply, to_refusal, to_response
from trunkline.kernel.web.flow import FlowResponse
from trunkline.kernel.web.origin import Authenticate, Principal, context_of, credentials_of, origin_of
from trunkline.kernel.web.query import checked_text


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One answered request, for the metrics. `template` is the endpoint's path, so that ids make no new series."""

    method: str
    template: str
    status: int
    seconds: float


class Observer(Protocol):
    """Who watches requests: telemetry. `request` surrounds the handler (trace, log context); `measured` comes after."""

    def request(self, endpoint: Endpoint, context: Context) -> contextlib.AbstractContextManager[object]: ...

    def measured(self, measured: Measured) -> None: ...


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What all endpoints of one process share.

    run  the seam around a handler: `await run(call)` gives its reply. Idempotency-Key handling replaces it: it may
         answer a POST from the store without running it, and lets the handler join the transaction that stores it.
    """

    database: Database
    authenticate: Authenticate
    observer: Observer | None = None
    run: Callable[[Call], Any] | None = None


async def run(call: Call) -> Reply:
    """Run the endpoint's handler: what `Frame.run` does when nothing surrounds it."""
    return await call.endpoint.handler(call)


def route(endpoint: Endpoint, frame: Frame) -> Route:
    """A Starlette route for the endpoint."""
    app = EndpointApp(endpoint, frame)
    return Route(endpoint.path, app, methods=[endpoint.method], name=f"{endpoint.method} {endpoint.path}")


class EndpointApp:
    """The endpoint as an ASGI application; path parameters are in the scope already."""

    def __init__(self, endpoint: Endpoint, frame: Frame) -> None:
        self._endpoint = endpoint
        self._frame = frame
        # TM Forum's paths take whatever the resource's attributes are called; ours declare what they take.
        self._declared = endpoint.path.startswith("/trunkline/")

    async def __call__(self, scope: Scope, receive_: Receive, send: Send) -> None:
        began = time.perf_counter()
        request = Request(scope, receive_)
        response = await self._answer(request)
        answered = time.perf_counter()
        await response(scope, receive_, send)
        if self._frame.observer is not None:
            self._frame.observer.measured(
                Measured(
                    method=self._endpoint.method,
                    template=self._endpoint.path,
                    status=response.status_code,
                    # how long a client listens to a stream is no measure of the server
                    seconds=(answered if isinstance(response, FlowResponse) else time.perf_counter()) - began,
                )
            )

    async def _answer(self, request: Request) -> Response:
        origin = None
        try:
            origin = origin_of(request.headers)
            principal = None if self._endpoint.public else await self._principal(request)
            context = context_of(principal, origin, self._frame.database)
            if principal is not None and not permits(principal.permissions, self._endpoint.permission):
                raise forbidden(self._endpoint.permission)
            if self._frame.observer is None:
                reply = await self._handle(request, context, principal)
            else:
                with self._frame.observer.request(self._endpoint, context):
                    reply = await self._logged(request, context, principal)
            return to_response(reply, origin.correlation_id)
        except Exception as error:  # noqa: BLE001  the one place where everything ends in an answer
            correlation_id = origin.correlation_id if origin else new_id()
            return to_response(error_reply(to_refusal(error), correlation_id), correlation_id)

    async def _principal(self, request: Request) -> Principal:
        principal = await self._frame.authenticate(credentials_of(request.headers))
        if principal is None:
            raise Unauthenticated(
                "notAuthenticated",
                "This needs a principal.",
                hint="Send 'Authorization: Bearer <key or token>'; `trunkline key create` makes a key.",
            )
        return principal

    async def _logged(self, request: Request, context: Context, principal: Principal | None) -> Reply:
        """Here an unexpected error is logged, so that the line carries the request's log context."""
        try:
            return await self._handle(request, context, principal)
        except TrunklineError:
            raise
        except Exception as error:
            raise to_refusal(error) from error

    async def _handle(self, request: Request, context: Context, principal: Principal | None) -> Reply:
        endpoint = self._endpoint
        content = b""
        if endpoint.method in ("POST", "PUT", "PATCH", "DELETE"):
            check_coding(request.headers.get("content-encoding"))
            content = await receive(request.stream(), request.headers.get("content-length"), endpoint.size_max)
        call = Call(
            endpoint=endpoint,
            database=self._frame.database,
            context=context,
            path={name: checked_text(str(value), name) for name, value in request.path_params.items()},
            raw_query=request.scope["query_string"].decode("latin-1"),
            headers=request.headers,
            content=content,
            peer=request.client.host if request.client else "",
            principal=principal,
        )
        if self._declared:
            call.check_query()
        reply: Reply = await (self._frame.run or run)(call)
        return reply

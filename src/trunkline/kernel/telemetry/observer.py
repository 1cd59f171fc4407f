"""Telemetry of one process: what watches its requests and its work."""

import contextlib
import logging
from collections.abc import Iterator

from trunkline.kernel.context import Context
from trunkline.kernel.telemetry.logs import logged_as
from trunkline.kernel.telemetry.metrics import Metrics
from trunkline.kernel.telemetry.traces import NoTraces, Traces
from trunkline.kernel.web import Endpoint, Measured

SLOW_S = 1.0
_log = logging.getLogger("trunkline.web")


class Telemetry:
    """Is the web frame's `Observer`, and surrounds the work of consumers and plans in the same way."""

    def __init__(self, metrics: Metrics, traces: Traces | None = None) -> None:
        self.metrics = metrics
        self.traces: Traces = traces or NoTraces()

    @contextlib.contextmanager
    def request(self, endpoint: Endpoint, context: Context) -> Iterator[None]:
        """Log context and a span around a request's handler."""
        name = f"{endpoint.method} {endpoint.path}"
        with (
            logged_as(context),
            self.traces.span(name, context, **{"http.request.method": endpoint.method, "http.route": endpoint.path}),
        ):
            yield

    def measured(self, measured: Measured) -> None:
        """Count the request; a failed or slow one also leaves a line in the log, every one at level DEBUG."""
        self.metrics.request(measured)
        level = logging.WARNING if measured.status >= 500 or measured.seconds >= SLOW_S else logging.DEBUG
        if _log.isEnabledFor(level):
            _log.log(
                level,
                "%s %s answered %d in %.1f ms",
                measured.method,
                measured.template,
                measured.status,
                measured.seconds * 1000,
            )

    @contextlib.contextmanager
    def work(self, name: str, context: Context) -> Iterator[None]:
        """Log context and a span around one event of a consumer or one step of a plan; `name` is its durable name."""
        with logged_as(context, work=name), self.traces.span(name, context):
            yield

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
        self._untraced = isinstance(self.traces, NoTraces)

    def request(self, endpoint: Endpoint, context: Context) -> contextlib.AbstractContextManager[object]:
        """Log context and a span around a request's handler."""
        if self._untraced:
            return logged_as(context)
        attributes = {"http.request.method": endpoint.method, "http.route": endpoint.path}
        return self._traced(f"{endpoint.method} {endpoint.path}", context, logged_as(context), attributes)

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

    def work(self, name: str, context: Context) -> contextlib.AbstractContextManager[object]:
        """Log context and a span around one event of a consumer or one step of a plan; `name` is its durable name."""
        if self._untraced:
            return logged_as(context, name)
        return self._traced(name, context, logged_as(context, name), {})

    @contextlib.contextmanager
    def _traced(self, name: str, context: Context, logged: logged_as, attributes: dict[str, str]) -> Iterator[None]:
        with logged, self.traces.span(name, context, **attributes):
            yield

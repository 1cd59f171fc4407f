"""Telemetry of one process: what watches its requests and its work (kernel/watching.py)."""

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
_work_log = logging.getLogger("trunkline.work")


class Telemetry:
    """Is the web frame's `Observer`, and the `Watcher` of consumers, plans and jobs."""

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
        """Log context and a span around one event of a consumer, one attempt at a step or job; `name` is its durable name."""
        if self._untraced:
            return logged_as(context, name)
        return self._traced(name, context, logged_as(context, name), {})

    def event_handled(self, consumer: str, outcome: str) -> None:
        """Count the event; a line in the log at level DEBUG, with the context of the work."""
        self.metrics.event_handled(consumer, outcome)
        _work_log.debug("event %s", outcome)

    def step_ended(self, outcome: str) -> None:
        """Count the attempt at a step, as `event_handled` does."""
        self.metrics.step_ended(outcome)
        _work_log.debug("step %s", outcome)

    def job_ended(self, kind: str, outcome: str) -> None:
        """Count the attempt at a job, as `event_handled` does."""
        self.metrics.job_ended(kind, outcome)
        _work_log.debug("job %s", outcome)

    @contextlib.contextmanager
    def _traced(self, name: str, context: Context, logged: logged_as, attributes: dict[str, str]) -> Iterator[None]:
        with logged, self.traces.span(name, context, **attributes):
            yield

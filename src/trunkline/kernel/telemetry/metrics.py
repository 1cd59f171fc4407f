"""Metrics for Prometheus: one registry an object, so that two installations in one process (tests) do not mix."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from trunkline.kernel.db import Database
from trunkline.kernel.web import Measured

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BACKLOGS: Mapping[str, str] = {
    "outbox": "select count(*) from (select 1 from kernel.outbox limit 100000) o",
    "audit_unsealed": "select count(*) from (select 1 from kernel.audit_pending limit 100000) a",
}
"""Name → query of one number; a part that has a queue of its own is added by the composition root. A count has a limit:
asking how much is waiting must not become work of its own."""


class Metrics:
    """The metrics of one process. Durations are in seconds, counts since start."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "trunkline_http_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "trunkline_http_request_seconds",
            "Time from a request's head to its answer's end",
            ("method", "route"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._steps = Counter(
            "trunkline_plan_steps", "Attempts at steps of plans", ("outcome",), registry=self.registry
        )
        self._events = Counter(
            "trunkline_events_handled", "Events taken by consumers", ("consumer", "outcome"), registry=self.registry
        )
        self._jobs = Counter("trunkline_jobs_ended", "Attempts at jobs", ("kind", "outcome"), registry=self.registry)
        self._backlog = Gauge("trunkline_backlog", "What is waiting, by queue", ("queue",), registry=self.registry)
        self._pool = Gauge(
            "trunkline_database_connections", "Connections of this process's pool", ("state",), registry=self.registry
        )

    def request(self, measured: Measured) -> None:
        """Count an answered request. The route is the endpoint's template: ids would make series without end."""
        key = (measured.method, measured.template, measured.status)
        series = self._series.get(key)
        if series is None:  # the library looks a series up under a lock each time; there are few, so they are kept
            count = self._requests.labels(measured.method, measured.template, str(measured.status))
            series = self._series[key] = (count, self._seconds.labels(measured.method, measured.template))
        series[0].inc()
        series[1].observe(measured.seconds)

    def step_ended(self, outcome: str) -> None:
        """Count an attempt at a step of a plan."""
        self._steps.labels(outcome).inc()

    def event_handled(self, consumer: str, outcome: str) -> None:
        """Count an event a consumer has taken."""
        self._events.labels(consumer, outcome).inc()

    def job_ended(self, kind: str, outcome: str) -> None:
        """Count an attempt at a job."""
        self._jobs.labels(kind, outcome).inc()

    def backlog(self, queue: str, waiting: int) -> None:
        """Set how much waits in a queue."""
        self._backlog.labels(queue).set(waiting)

    async def collect(self, database: Database, backlogs: Mapping[str, str] = BACKLOGS) -> None:
        """Ask for the backlogs and the state of the pool. One short query a queue."""
        async with database.read() as session:
            for queue, sql in backlogs.items():
                self.backlog(queue, await session.fetch_value(sql))
        size, idle = database.pool_size()
        self._pool.labels("idle").set(idle)
        self._pool.labels("busy").set(size - idle)

    def render(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.registry)

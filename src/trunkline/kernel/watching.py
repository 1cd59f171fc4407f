"""The port by which work is watched: whoever runs events, steps or jobs says so here; `app` passes who listens.

The parts of the kernel do not know telemetry: `Telemetry` (kernel/telemetry/observer.py) is one such watcher.
"""

import contextlib
from typing import Protocol

from trunkline.kernel.context import Context


class Watcher(Protocol):
    """Surrounds a piece of work and hears how it ended. The calls that tell an outcome come within `work`."""

    def work(self, name: str, context: Context) -> contextlib.AbstractContextManager[object]:
        """Around one event of a consumer, one attempt at a step or job; `name` is its durable name."""
        ...

    def event_handled(self, consumer: str, outcome: str) -> None:
        """A consumer has taken an event: "done", "repeated" (it had taken it before), "retried", "parked"."""
        ...

    def step_ended(self, outcome: str) -> None:
        """An attempt at a step of a plan ended: "completed", "retried", "failed", "lost" (another worker has the step)."""
        ...

    def job_ended(self, kind: str, outcome: str) -> None:
        """An attempt at a job ended: "completed", "failed", "cancelled", "lost"."""
        ...


class Unwatched:
    """Nobody watches: tests, measurements."""

    def work(self, name: str, context: Context) -> contextlib.AbstractContextManager[object]:  # noqa: ARG002
        return contextlib.nullcontext()

    def event_handled(self, consumer: str, outcome: str) -> None:  # noqa: ARG002
        return None

    def step_ended(self, outcome: str) -> None:  # noqa: ARG002
        return None

    def job_ended(self, kind: str, outcome: str) -> None:  # noqa: ARG002
        return None

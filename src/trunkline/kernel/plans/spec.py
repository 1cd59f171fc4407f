"""What a plan is to be: its steps and what they wait for. Checked as a whole before anything is stored."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from trunkline.kernel.errors import Invalid

STEPS_MAX = 500
DEPENDENCIES_MAX = 5_000
NAME_LENGTH_MAX = 100
_RUN_BY_WORKER = ("task", "callout")


class StepKind(StrEnum):
    """How a step gets done.

    task       its handler's effect and its completion are one transaction: exactly once
    callout    its handler talks to the outside, outside a transaction: at least once, with a stable idempotency key
    wait       ends when its key is signalled
    timer      ends when the installation's clock reaches an instant
    manual     a person completes it
    milestone  ends as soon as what it comes after has ended
    """

    TASK = "task"
    CALLOUT = "callout"
    WAIT = "wait"
    TIMER = "timer"
    MANUAL = "manual"
    MILESTONE = "milestone"


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How often a step is tried, and how long after each failure the next attempt comes: `first`, doubled each time."""

    max_attempts: int = 5
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)

    def delay(self, failures: int) -> timedelta:
        """The pause after the given number of failures (1 or more)."""
        doublings: int = 2 ** min(failures - 1, 30)
        return min(self.longest, self.first * doublings)


class StepSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One step.

    name        unique within the plan; results are handed on under it
    depends_on  names of the steps that must have ended before; their results, and those of the steps before them, reach
                this step's handler
    action      the registered handler of a task or callout; of other kinds a name for what is to be done, if wanted
    input       handed to the handler; JSON
    undo        the registered handler that takes the step back when the plan is cancelled (a callout for a callout, a
                task otherwise)
    signal      wait: the key it waits for
    delay       timer: how long after it could start it ends; manual: how long a person has
    at          timer: the instant instead of a delay
    queue       manual: whose work list it appears in
    timeout     how long one attempt of the handler may take
    """

    name: str
    kind: StepKind = StepKind.TASK
    depends_on: tuple[str, ...] = ()
    action: str | None = None
    input: dict[str, Any] = {}
    undo: str | None = None
    retry: Retry = Retry()
    timeout: timedelta = timedelta(seconds=60)
    signal: str | None = None
    delay: timedelta | None = None
    at: datetime | None = None
    queue: str | None = None


class PlanSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A plan to be created.

    kind                 what sort of plan it is ("orderToActivate"); subscribers of its events go by it
    subject_resource/id  what it is about ("productOrder", its id)
    data                 free JSON that every step's handler sees
    """

    kind: str
    subject_resource: str
    subject_id: str
    steps: tuple[StepSpec, ...]
    data: dict[str, Any] = {}


def check(spec: PlanSpec) -> None:
    """Raise Invalid, with every problem found, unless `spec` is an acyclic graph of well-formed steps."""
    if not 1 <= len(spec.steps) <= STEPS_MAX:
        raise Invalid(
            "planSize",
            f"A plan has between 1 and {STEPS_MAX} steps.",
            message=f"This has {len(spec.steps)}.",
            path="$.steps",
        )
    problems = [*_problems_of_plan(spec)]
    for n, step in enumerate(spec.steps):
        problems += _problems_of_step(step, f"$.steps[{n}]")
    if not problems:
        problems += _cycle(spec)
    if problems:
        raise Invalid.all_of(problems)


def _problems_of_plan(spec: PlanSpec) -> Iterator[Invalid]:
    names: set[str] = set()
    for n, step in enumerate(spec.steps):
        if step.name in names:
            yield Invalid("duplicateStep", f"There are two steps named {step.name!r}.", path=f"$.steps[{n}].name")
        names.add(step.name)
    for n, step in enumerate(spec.steps):
        for unknown in sorted(set(step.depends_on) - names):
            yield Invalid(
                "unknownStep",
                f"Step {step.name!r} depends on {unknown!r}, which is not there.",
                path=f"$.steps[{n}].depends_on",
            )
    if sum(len(set(step.depends_on)) for step in spec.steps) > DEPENDENCIES_MAX:
        yield Invalid("planSize", f"A plan has at most {DEPENDENCIES_MAX} dependencies.", path="$.steps")
    for field in ("kind", "subject_resource", "subject_id"):
        if not getattr(spec, field):
            yield Invalid("missing", "This is needed.", path=f"$.{field}")


def _problems_of_step(step: StepSpec, path: str) -> Iterator[Invalid]:
    if not 1 <= len(step.name) <= NAME_LENGTH_MAX:
        yield Invalid("stepName", f"A step's name has 1 to {NAME_LENGTH_MAX} characters.", path=f"{path}.name")
    if step.kind not in set(StepKind):
        yield Invalid("stepKind", "There is no such kind of step.", path=f"{path}.kind", allowed=tuple(StepKind))
    if step.kind in _RUN_BY_WORKER and step.action is None:
        yield Invalid("stepAction", "A task and a callout name an action.", path=f"{path}.action")
    if (step.kind == StepKind.WAIT) != (step.signal is not None):
        yield Invalid("stepSignal", "A wait names the key of its signal, other kinds do not.", path=f"{path}.signal")
    if (step.kind == StepKind.MANUAL) != (step.queue is not None):
        yield Invalid("stepQueue", "A manual step names its queue, other kinds do not.", path=f"{path}.queue")
    if step.retry.max_attempts < 1 or step.retry.first < timedelta(0):
        yield Invalid("stepRetry", "A step is tried at least once, and a pause is not negative.", path=f"{path}.retry")
    if step.timeout <= timedelta(0):
        yield Invalid("stepTimeout", "A time-out is longer than nothing.", path=f"{path}.timeout")
    yield from _problems_of_times(step, path)


def _problems_of_times(step: StepSpec, path: str) -> Iterator[Invalid]:
    if step.kind == StepKind.TIMER and (step.delay is None) == (step.at is None):
        yield Invalid("stepDue", "A timer has either a delay or an instant.", path=path)
    if step.kind not in (StepKind.TIMER, StepKind.MANUAL) and step.delay is not None:
        yield Invalid("stepDue", "Only a timer and a manual step have a delay.", path=f"{path}.delay")
    if step.kind != StepKind.TIMER and step.at is not None:
        yield Invalid("stepDue", "Only a timer has an instant.", path=f"{path}.at")
    if step.at is not None and step.at.tzinfo is None:
        yield Invalid("instantWithoutZone", "An instant needs a time zone.", path=f"{path}.at")
    if step.delay is not None and step.delay < timedelta(0):
        yield Invalid("stepDue", "A delay is not negative.", path=f"{path}.delay")


def _cycle(spec: PlanSpec) -> Iterator[Invalid]:
    """Take away, again and again, the steps that wait for nothing; what remains waits for itself."""
    unmet = {step.name: len(set(step.depends_on)) for step in spec.steps}
    followers: dict[str, list[str]] = {step.name: [] for step in spec.steps}
    for step in spec.steps:
        for before in set(step.depends_on):
            followers[before].append(step.name)
    free = [name for name, count in unmet.items() if count == 0]
    while free:
        for follower in followers[free.pop()]:
            unmet[follower] -= 1
            if unmet[follower] == 0:
                free.append(follower)
    stuck = [name for name, count in unmet.items() if count > 0]
    if stuck:
        yield Invalid(
            "planCycle", "Steps wait for each other in a circle.", message=", ".join(stuck[:10]), path="$.steps"
        )

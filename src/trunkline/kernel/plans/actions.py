"""The handlers of steps: what they are given, and the registry the composition root fills."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork

Result = dict[str, Any] | None


class StepRun(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one step, as its handler sees it.

    data             the plan's data, the same for all steps
    results          results of the steps it comes after, by name; of a compensation, the result of the step it takes back
    idempotency_key  the same for every attempt at the same input; give it to what is called
    attempt          1 for the first; grows also when a worker was lost, so it tells attempts apart
    undoes           name of the step this one takes back, None for an ordinary step
    """

    tenant: str
    plan_id: str
    plan_kind: str
    subject_resource: str
    subject_id: str
    data: dict[str, Any]
    n: int
    name: str
    action: str
    input: dict[str, Any]
    results: dict[str, Any]
    idempotency_key: str
    attempt: int
    undoes: str | None = None


Task = Callable[[UnitOfWork, StepRun, Context], Awaitable[Result]]
Callout = Callable[[StepRun, Context], Awaitable[Result]]
_T = TypeVar("_T", bound=Task)
_C = TypeVar("_C", bound=Callout)


class StepActions:
    """Names → handlers. A name is used once, as a task or as a callout."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.callouts: dict[str, Callout] = {}

    def task(self, name: str) -> Callable[[_T], _T]:
        """Register a handler whose effect commits together with the completion of its step."""

        def register(handler: _T) -> _T:
            self._free(name)
            self.tasks[name] = handler
            return handler

        return register

    def callout(self, name: str) -> Callable[[_C], _C]:
        """Register a handler that talks to the outside. It may be called again with the same idempotency key."""

        def register(handler: _C) -> _C:
            self._free(name)
            self.callouts[name] = handler
            return handler

        return register

    def _free(self, name: str) -> None:
        if name in self.tasks or name in self.callouts:
            raise ValueError(f"two handlers are registered for the action {name!r}")

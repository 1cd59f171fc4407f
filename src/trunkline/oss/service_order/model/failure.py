"""What the failed steps of a plan mean for the items of its order, and how that is told (TMF641 errorMessage): pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from trunkline.kernel.plans import PlanView, StepState, StepView
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text

HOLD, UNDO = "hold", "undo"
"""What a step's specification says (`onFailure`) is to become of its item when the step has failed for good: wait for an
operator (the default), or be taken back."""
MESSAGES_MAX = 20


def open_failures(plan: PlanView) -> dict[str, list[StepView]]:
    """Order item id → its steps that have failed for good and are not being taken back."""
    taken_back = {step.undoes for step in plan.steps if step.undoes is not None}
    found: dict[str, list[StepView]] = {}
    for step in plan.steps:
        if step.state == StepState.FAILED and step.name not in taken_back:
            found.setdefault(str(step.input.get("itemId")), []).append(step)
    return found


def is_given_up(plan: PlanView, item_id: str, closing: str) -> bool:
    """Whether the item's part of the plan is being, or was, taken back: it has a step with the closing action."""
    return any(step.action == closing and step.input.get("itemId") == item_id for step in plan.steps)


def wants_undo(steps: Sequence[StepView]) -> bool:
    """Whether one of the failed steps is specified to be taken back without asking anybody."""
    return any(step.input.get("onFailure") == UNDO and step.undoes is None for step in steps)


def messages(order_id: str, known: Sequence[Document], failures: Mapping[str, Sequence[StepView]]) -> list[Document]:
    """The order's error messages with those of these failures, each once, the newest last, at most 20."""
    found = list(known)
    seen = {(message.get("step", {}).get("name"), message.get("timestamp")) for message in known}
    for item_id, steps in failures.items():
        for step in steps:
            message = _message(order_id, item_id, step)
            if (step.name, message["timestamp"]) not in seen:
                found.append(message)
    return found[-MESSAGES_MAX:]


def _message(order_id: str, item_id: str, step: StepView) -> Document:
    error = step.error or {}
    hints = [str(error[name]) for name in ("message", "hint") if error.get(name)]
    attempts = "1 attempt" if step.failures == 1 else f"{step.failures} attempts"
    return {
        "@type": "ServiceOrderErrorMessage",
        "code": error.get("code", "unexpected"),
        "reason": error.get("reason", "The step failed."),
        "message": " ".join([f"Step {step.name} failed after {attempts}.", *hints]),
        "timestamp": instant_text(_ended(step)),
        "serviceOrderItem": [{"@type": "ServiceOrderItemRef", "serviceOrderId": order_id, "itemId": item_id}],
        "step": {"n": step.n, "name": step.name},
    }


def _ended(step: StepView) -> datetime:
    assert step.finished_at is not None  # a failed step has ended
    return step.finished_at

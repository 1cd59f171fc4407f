"""What becomes of a service order by its items, and of its items by the failed steps of the plan."""

from datetime import UTC, datetime
from typing import Any

import pytest

from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.plans import PlanState, PlanView, StepKind, StepState, StepView
from trunkline.oss.service_order.model.decomposition import decompose
from trunkline.oss.service_order.model.failure import MESSAGES_MAX, messages, open_failures, wants_undo
from trunkline.oss.service_order.model.state import order_state, with_item

AT = datetime(2026, 6, 11, 13, 20, tzinfo=UTC)


def step(n: int, name: str, state: StepState = StepState.FAILED, **changed: Any) -> StepView:
    values: dict[str, Any] = {
        "n": n,
        "name": name,
        "kind": StepKind.TASK,
        "action": "x",
        "state": state,
        "depends_on": (),
        "input": {"itemId": name[0]},
        "result": None,
        "error": {"code": "portInUse", "reason": "It is taken.", "hint": "Take another."},
        "attempts": 1,
        "failures": 1,
        "max_attempts": 5,
        "run_at": None,
        "due_at": None,
        "queue": None,
        "signal": None,
        "undo": None,
        "undoes": None,
        "idempotency_key": f"p:{n}",
        "started_at": AT,
        "finished_at": AT,
    }
    return StepView(**values | changed)


def plan(*steps: StepView) -> PlanView:
    return PlanView(
        id="p",
        kind="serviceOrder",
        subject_resource="serviceOrder",
        subject_id="o",
        state=PlanState.FAILED,
        data={},
        actor="a",
        correlation_id="c",
        reason=None,
        created_at=AT,
        finished_at=None,
        steps=steps,
    )


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["inProgress", "completed"], "inProgress"),
        (["inProgress", "failed"], "inProgress"),
        (["inProgress", "held"], "held"),
        (["held", "completed"], "held"),
        (["completed", "completed"], "completed"),
        (["failed"], "failed"),
        (["failed", "completed"], "partial"),
        (["failed", "cancelled"], "partial"),
        (["cancelled", "cancelled"], "cancelled"),
    ],
)
def test_an_order_is_what_its_items_come_to(items: list[str], expected: str) -> None:
    assert order_state([{"id": str(n), "state": state} for n, state in enumerate(items)]) == expected


def test_changing_one_item_leaves_the_others() -> None:
    items = [{"id": "1", "state": "held"}, {"id": "2", "state": "held"}]
    assert with_item(items, "2", state="failed") == [{"id": "1", "state": "held"}, {"id": "2", "state": "failed"}]
    assert items[1]["state"] == "held"


def test_a_failure_that_is_being_taken_back_holds_nothing_but_its_undo_that_fails_does() -> None:
    failed, other = step(1, "1.call"), step(2, "2.call", StepState.COMPLETED)
    assert open_failures(plan(failed, other)) == {"1": [failed]}
    undo = step(3, "undo 1.call", StepState.READY, undoes="1.call", input={"itemId": "1"})
    assert open_failures(plan(failed, other, undo)) == {}
    stuck = step(3, "undo 1.call", undoes="1.call", input={"itemId": "1", "onFailure": "undo"})
    assert open_failures(plan(failed, other, stuck)) == {"1": [stuck]}
    assert not wants_undo([stuck])  # an undo is not undone
    assert wants_undo([step(1, "1.call", input={"itemId": "1", "onFailure": "undo"})])
    assert not wants_undo([step(1, "1.call", input={"itemId": "1", "onFailure": "hold"})])


def test_each_failure_is_told_once_and_the_newest_are_kept() -> None:
    first = messages("o", [], {"1": [step(1, "1.call", failures=5)]})
    assert first == [
        {
            "@type": "ServiceOrderErrorMessage",
            "code": "portInUse",
            "reason": "It is taken.",
            "message": "Step 1.call failed after 5 attempts. Take another.",
            "timestamp": "2026-06-11T13:20:00.000Z",
            "serviceOrderItem": [{"@type": "ServiceOrderItemRef", "serviceOrderId": "o", "itemId": "1"}],
            "step": {"n": 1, "name": "1.call"},
        }
    ]
    assert messages("o", first, {"1": [step(1, "1.call", failures=5)]}) == first
    again = first
    for minute in range(MESSAGES_MAX + 5):
        again = messages("o", again, {"1": [step(1, "1.call", finished_at=AT.replace(minute=minute, hour=14))]})
    assert len(again) == MESSAGES_MAX
    assert again[-1]["timestamp"] == "2026-06-11T14:24:00.000Z"


def test_a_step_that_says_something_else_of_its_failure_cannot_be_planned() -> None:
    specification = {
        "id": "rfs",
        "name": "Access",
        "provisioning": [{"name": "call", "kind": "task", "action": "x", "onFailure": "ignore"}],
    }
    item = {"id": "1", "service": {"serviceSpecification": {"id": "rfs"}}}
    with pytest.raises(Unprocessable) as refused:
        decompose(item, {"rfs": specification}, {})
    assert refused.value.code == "cannotDecompose"
    specification["provisioning"] = [{"name": "call", "kind": "task", "action": "x"}]
    assert decompose(item, {"rfs": specification}, {}).steps[0].on_failure == "hold"

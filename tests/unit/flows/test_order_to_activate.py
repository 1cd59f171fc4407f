"""Which commercial items go with which line, and what a service order's fate means for them."""

from datetime import UTC, datetime
from typing import Any

from trunkline.bss.product_ordering.contracts import Activated
from trunkline.bss.product_ordering.model import order_state, with_states
from trunkline.flows.order_to_activate.model import products_of, to_activated, to_progress

SINCE = datetime(2026, 6, 11, 13, 20, tzinfo=UTC)


def order(*related: tuple[str, str]) -> dict[str, Any]:
    """Two lines, 1 and 2, two add-ons, 3 and 4, and an item that changes nothing; (add-on, line) related."""
    items: list[dict[str, Any]] = [
        {"id": item, "action": "noChange" if item == "5" else "add", "state": "inProgress"} for item in "12345"
    ]
    for addon, line in related:
        items[int(addon) - 1]["productOrderItemRelationship"] = [{"id": line, "relationshipType": "reliesOn"}]
    return {"id": "o", "productOrderItem": items}


def activated(item: str, of: dict[str, Any]) -> dict[str, str | None]:
    payload = {"itemId": item, "itemIds": ["1", "2"], "serviceId": f"s{item}", "activatedAt": SINCE.isoformat()}
    found = to_activated(payload, of)
    assert found.activated_at == SINCE
    return found.services


def states(of: dict[str, Any], **lines: str) -> dict[str, str]:
    items = [{"id": item[1:], "state": state} for item, state in lines.items()]
    return to_progress({"serviceOrderItem": items}, of).states


def test_an_addon_begins_with_the_line_it_names_or_with_the_first() -> None:
    assert activated("1", order(("4", "2"))) == {"1": "s1", "3": None}
    assert activated("2", order(("4", "2"))) == {"2": "s2", "3": None, "4": None}
    assert activated("2", order(("3", "1"), ("4", "1"))) == {"2": "s2"}


def test_an_addon_fails_with_all_the_lines_it_needs() -> None:
    assert states(order(), _1="held", _2="inProgress") == {"1": "held", "2": "inProgress"}
    assert states(order(), _1="failed", _2="held") == {"1": "failed", "2": "held"}
    assert states(order(), _1="failed", _2="failed") == {"1": "failed", "2": "failed", "3": "failed", "4": "failed"}
    assert states(order(("4", "1")), _1="failed", _2="completed") == {"1": "failed", "4": "failed"}


def test_usage_counts_on_what_became_active_together_the_line_first() -> None:
    products = [{"id": f"p{item}", "productOrderItem": [{"orderItemId": item}]} for item in "3124"]
    found = products_of(products, Activated(activated_at=SINCE, services={"2": "s2", "3": None}))
    assert [product["id"] for product in found] == ["p2", "p3"]


def test_what_changes_nothing_ends_with_the_rest() -> None:
    items = with_states(order(), {"1": "completed", "2": "failed", "3": "completed"})
    assert [item["state"] for item in items] == ["completed", "failed", "completed", "inProgress", "inProgress"]
    assert order_state(items) == "inProgress"
    items = with_states({"productOrderItem": items}, {"1": "held", "4": "failed"})
    assert [item["state"] for item in items] == ["completed", "failed", "completed", "failed", "completed"]
    assert order_state(items) == "partial"
    assert order_state(with_states(order(), dict.fromkeys("1234", "completed"))) == "completed"
    assert order_state(with_states(order(), dict.fromkeys("1234", "failed"))) == "failed"
    assert order_state(with_states(order(), {"1": "held", "2": "completed"})) == "held"

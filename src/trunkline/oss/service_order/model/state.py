"""The state of a service order by the states of its items (TMF641): pure."""

from collections.abc import Sequence

from trunkline.kernel.tmf import Document

ENDED = frozenset({"completed", "cancelled", "failed", "rejected", "partial"})
UNDERWAY = frozenset({"inProgress", "held"})


def order_state(items: Sequence[Document]) -> str:
    """What an order that is under way comes to: `held` as soon as one item waits for a person; `inProgress` while one is
    not at its end; then the state that all items share, or `partial` when they ended differently."""
    states = {item["state"] for item in items}
    if "held" in states:
        return "held"
    if not states <= ENDED:
        return "inProgress"
    return str(states.pop()) if len(states) == 1 else "partial"


def with_item(items: Sequence[Document], item_id: str, **changes: object) -> list[Document]:
    """The items, the one of this id changed."""
    return [{**item, **changes} if item["id"] == item_id else item for item in items]

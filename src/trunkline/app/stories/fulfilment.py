"""Follow an order through the API: its service order, the plan's steps, the services it brings about."""

from typing import Any

from trunkline.app.stories.client import ORDERING, SERVICE_ORDERS, SERVICES
from trunkline.app.stories.scene import Scene


def service_order(scene: Scene, order_id: str) -> dict[str, Any]:
    """The service order of a product order, once it has its plan. Raises TimedOut."""

    def look() -> dict[str, Any] | None:
        found = scene.api.get(f"{SERVICE_ORDERS}/serviceOrder", **{"externalIdentifier.id": order_id})
        return found[0] if found and "plan" in found[0] else None

    return scene.api.wait("the service order", look)


def services(scene: Scene, service_order_id: str) -> list[dict[str, Any]]:
    """The services a service order brings about, customer-facing and resource-facing."""
    found: list[dict[str, Any]] = scene.api.get(
        f"{SERVICES}/service", **{"serviceOrderItem.serviceOrderId": service_order_id}
    )
    return found


def plan_step(scene: Scene, plan_path: str, name: str, states: set[str], what: str) -> dict[str, Any]:
    """A plan's step of that name once it is in one of the states. `what` names it when it does not come: TimedOut."""

    def look() -> dict[str, Any] | None:
        for step in scene.api.get(plan_path)["steps"]:
            if step["name"].split(".", 1)[-1] == name and step["state"] in states:
                found: dict[str, Any] = step
                return found
        return None

    return scene.api.wait(what, look)


def completed(scene: Scene, order_id: str) -> None:
    """Wait until a product order is completed. Raises AssertionError when it ends otherwise, TimedOut."""

    def look() -> bool:
        state: str = scene.api.get(f"{ORDERING}/productOrder/{order_id}")["state"]
        if state in ("failed", "cancelled", "rejected"):
            raise AssertionError(f"the order is {state}")
        return state == "completed"

    scene.api.wait("the completed order", look)

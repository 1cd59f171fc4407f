"""A cancelled order leaves nothing behind, at whatever point it is cancelled before its line is active; afterwards it cannot
be. Through the public API, with the events that subscribers are told."""

from collections.abc import Iterator

import pytest

from tests.support.listener import Listener
from tests.support.operations import UNREACHABLE, Operations, Order
from trunkline.app.stories.client import INVENTORY, ORDERING, SERVICE_ORDERS, Refused
from trunkline.app.stories.installation import throw_away

POOLS = ("pool-olt-1", "pool-vlan", "pool-ipv4")
CANCELLED_AT = "2026-06-12T10:00:00+02:00"
Told = list[tuple[str, str | None]]


@pytest.fixture
def at() -> Iterator[Operations]:
    with throw_away("2026-06-01T09:00:00+02:00") as installation:
        operations = Operations(installation)
        yield operations
        operations.close()


@pytest.fixture
def told(at: Operations) -> Iterator[Listener]:
    listener = Listener(at.api, (ORDERING, INVENTORY, SERVICE_ORDERS))
    yield listener
    listener.close()


def changed(name: str, *states: str) -> Told:
    """Moves by which more than the state changed."""
    return [(f"{name}{kind}Event", state) for state in states for kind in ("StateChange", "AttributeValueChange")]


def test_an_order_is_cancelled_at_any_point_before_its_line_is_active_and_nothing_is_charged(
    at: Operations, told: Listener
) -> None:
    accounts = [
        a_draft_is_cancelled_at_once(at, told),
        an_order_whose_line_is_let_in_already_is_taken_back(at, told),
        a_held_order_is_cancelled_and_waits_for_the_device_to_be_taken_back(at, told),
        the_network_side_cancels_by_itself(at, told),
    ]
    addresses_rest_for_their_quarantine(at)
    active = after_the_point_of_no_return_it_is_refused(at)
    at.clock("2026-07-01T06:00:00+02:00")
    at.bill_run("2026-07-01")
    assert [at.bills(account) for account in accounts] == [[], [], [], []]
    # 50.00 + 14 to 30 June, 17 of 30 days of 40.00 = 22.67 + July 40.00; 19 % of 112.67 = 21.41
    assert at.bills(active) == [("112.67", "134.08")]
    assert at.check("--redeliver", "1000") == ""


def a_draft_is_cancelled_at_once(at: Operations, told: Listener) -> str:
    account = at.account("Draft")
    order = at.api.post(
        f"{ORDERING}/productOrder",
        {
            "@type": "ProductOrder",
            "requestedInitialState": "draft",
            "billingAccount": {"@type": "BillingAccountRef", "id": account},
            "productOrderItem": [
                {
                    "@type": "ProductOrderItem",
                    "id": "1",
                    "action": "add",
                    "productOffering": {"@type": "ProductOfferingRef", "id": "fibre-500"},
                }
            ],
        },
    )
    reference = {"@type": "ProductOrderRef", "id": order["id"]}
    task = at.api.post(f"{ORDERING}/cancelProductOrder", {"@type": "CancelProductOrder", "productOrder": reference})
    assert task["state"] == "done"
    told.until(order["id"], [("ProductOrderCreateEvent", "draft"), *changed("ProductOrder", "cancelled")])
    assert at.api.get(f"{INVENTORY}/product", **{"productOrderItem.orderId": order["id"]}) == []
    return account


def an_order_whose_line_is_let_in_already_is_taken_back(at: Operations, told: Listener) -> str:
    account = at.account("Let in")
    order = at.order(account, "fibre-500", "data-per-gb")
    at.clock("2026-06-11T15:20:00+02:00")
    order.install()
    user_name = order.user_name()
    assert at.is_let_in(user_name)
    assert {pool: list(at.members(pool).values()) for pool in POOLS} == {pool: ["reserved"] for pool in POOLS}
    products = [product["id"] for product in order.products().values()]
    at.clock(CANCELLED_AT)
    task = order.cancel("He moves to another town")
    order.until("cancelled", "cancelled")

    assert order.product_order()["cancellationReason"] == "He moves to another town"
    assert not at.is_let_in(user_name)
    assert {product["status"] for product in order.products().values()} == {"cancelled"}
    assert {service["state"] for service in order.services()} == {"terminated"}
    assert {resource["allocationStatus"] for resource in order.resources()} == {"retired"}
    assert [list(at.members(pool).values()) for pool in POOLS] == [[], [], ["quarantined"]]
    plan = order.plan()
    assert plan["state"] == "cancelled"
    assert [step["name"] for step in plan["steps"] if step["undoes"]] == [
        "undo 1.activate_session",
        "undo 1.activate_access",
        "undo 1.reserve",
    ]
    told.until(
        order.id,
        [
            ("ProductOrderCreateEvent", "acknowledged"),
            *changed("ProductOrder", "inProgress"),
            ("ProductOrderStateChangeEvent", "assessingCancellation"),
            *changed("ProductOrder", "pendingCancellation", "cancelled"),
        ],
    )
    told.until(
        task["id"],
        [
            ("CancelProductOrderCreateEvent", "acknowledged"),
            ("CancelProductOrderStateChangeEvent", "inProgress"),
            *changed("CancelProductOrder", "done"),
        ],
    )
    told.until(
        order.service_order_id,
        [
            ("ServiceOrderCreateEvent", "acknowledged"),
            *changed("ServiceOrder", "inProgress", "pendingCancellation", "cancelled"),
        ],
    )
    for product in products:
        told.until(
            product,
            [
                ("ProductCreateEvent", "created"),
                ("ProductStateChangeEvent", "pendingActive"),
                ("ProductStateChangeEvent", "cancelled"),
            ],
        )
    return account


def a_held_order_is_cancelled_and_waits_for_the_device_to_be_taken_back(at: Operations, told: Listener) -> str:
    account = at.account("Held")
    order = at.order(account, "fibre-500")
    at.drive_node("no-such-driver")
    order.install()
    order.step("1.activate_access", "failed")
    order.until("held", "held")
    at.drive_node("kea", UNREACHABLE)
    task = order.cancel("No patience")
    undo = order.out_of_attempts("undo 1.activate_access")
    order.until("pendingCancellation", "pendingCancellation")
    at.api.wait("the reason", lambda: len(order.product_order()["productOrderErrorMessage"]) == 2)
    assert [message["code"] for message in order.product_order()["productOrderErrorMessage"]] == [
        "noDriver",
        "deviceUnavailable",
    ]
    assert at.members("pool-olt-1") != {}  # as long as the device may have the line, nobody else gets its port
    at.drive_node("simulator")
    order.retry(undo)
    order.until("cancelled", "cancelled")
    assert at.members("pool-olt-1") == {}
    assert at.api.get(f"{ORDERING}/cancelProductOrder/{task['id']}")["state"] == "done"
    told.until(
        order.id,
        [
            ("ProductOrderCreateEvent", "acknowledged"),
            *changed("ProductOrder", "inProgress", "held"),
            ("ProductOrderStateChangeEvent", "assessingCancellation"),
            *changed("ProductOrder", "pendingCancellation"),
            ("ProductOrderAttributeValueChangeEvent", "pendingCancellation"),
            *changed("ProductOrder", "cancelled"),
        ],
    )
    return account


def the_network_side_cancels_by_itself(at: Operations, told: Listener) -> str:
    account = at.account("From below")
    order = at.order(account, "fibre-500")
    order.step("1.install", "running")
    task = at.api.post(
        f"{SERVICE_ORDERS}/cancelServiceOrder",
        {
            "@type": "CancelServiceOrder",
            "serviceOrder": {"@type": "ServiceOrderRef", "id": order.service_order_id},
            "cancellationReason": "The street gets no fibre",
        },
    )
    order.until("cancelled", "cancelled")
    path = f"{SERVICE_ORDERS}/cancelServiceOrder/{task['id']}"
    at.api.wait("the end of the task", lambda: at.api.get(path)["state"] == "done")
    assert {product["status"] for product in order.products().values()} == {"cancelled"}
    told.until(
        order.id,
        [
            ("ProductOrderCreateEvent", "acknowledged"),
            *changed("ProductOrder", "inProgress", "pendingCancellation", "cancelled"),
        ],
    )
    return account


def addresses_rest_for_their_quarantine(at: Operations) -> None:
    """The demo's addresses rest for a day; the worker frees them when the clock says so."""
    resting = at.members("pool-ipv4")
    assert set(resting.values()) == {"quarantined"}
    assert len(resting) == 3  # each order took another one, since the one before rested
    at.clock("2026-06-13T09:00:00+02:00")
    assert at.members("pool-ipv4") == resting
    at.clock("2026-06-14T12:00:00+02:00")
    at.api.wait("the end of the quarantine", lambda: at.members("pool-ipv4") == {})


def after_the_point_of_no_return_it_is_refused(at: Operations) -> str:
    account = at.account("Active")
    order = at.order(account, "fibre-500")
    order.install()
    at.connect(order.user_name())
    order.until("completed", "completed")
    assert [list(at.members(pool).values()) for pool in POOLS] == [["allocated"]] * 3
    with pytest.raises(Refused) as refused:
        order.cancel("Too late")
    assert (refused.value.status, "orderEnded" in str(refused.value)) == (409, True)
    assert "termination" in str(refused.value)
    assert _tasks_of(at, order) == []
    assert order.states() == ("completed", "completed")
    return account


def _tasks_of(at: Operations, order: Order) -> list[dict[str, object]]:
    found: list[dict[str, object]] = at.api.get(f"{ORDERING}/cancelProductOrder", **{"productOrder.id": order.id})
    return found

"""When the line does not work: held with the reason, mended and active from then on, given up, or partly realised; and what
is billed of each. One month of one operator, through the public API."""

from collections.abc import Iterator

import pytest

from tests.support.listener import Listener
from tests.support.operations import UNREACHABLE, Operations, Order
from trunkline.app.stories.client import INVENTORY, ORDERING, RESOURCES, SERVICE_ORDERS, SERVICES, Refused
from trunkline.app.stories.installation import throw_away

HUBS = (ORDERING, INVENTORY, SERVICE_ORDERS, SERVICES, RESOURCES)
MENDED_AT = "2026-06-15T08:30:00.000Z"


@pytest.fixture
def at() -> Iterator[Operations]:
    with throw_away("2026-06-01T09:00:00+02:00") as installation:
        operations = Operations(installation)
        yield operations
        operations.close()


@pytest.fixture
def told(at: Operations) -> Iterator[Listener]:
    listener = Listener(at.api, HUBS)
    yield listener
    listener.close()


def moves(name: str, *states: str, first: str = "acknowledged") -> list[tuple[str, str | None]]:
    """What a hub tells of an order that was created and then moved, with more than its state, from state to state."""
    found: list[tuple[str, str | None]] = [(f"{name}CreateEvent", first)]
    for state in states:
        found += [(f"{name}StateChangeEvent", state), (f"{name}AttributeValueChangeEvent", state)]
    return found


def test_lines_that_do_not_work_are_held_mended_given_up_and_billed_as_they_came_out(
    at: Operations, told: Listener
) -> None:
    mended = a_line_whose_device_is_unreachable_is_held_and_completes_when_it_is_retried(at, told)
    failed = a_line_that_nobody_can_mend_is_given_up_and_leaves_nothing(at, told)
    undone = a_line_whose_plan_says_so_is_taken_back_without_asking_anybody(at, told)
    partial = of_two_lines_one_works_and_the_other_is_given_up(at, told)
    a_step_done_by_hand_is_skipped(at)
    arrears = a_price_in_arrears_is_sold_as_such(at)
    at.clock("2026-07-01T06:00:00+02:00")
    at.bill_run("2026-07-01")
    # 50.00 + 15 to 30 June, 16 of 30 days of 40.00 + July 40.00; 19 % of 111.33 = 21.15
    assert at.bills(mended) == [("111.33", "132.48")]
    assert at.bills(failed) == []
    assert at.bills(undone) == []
    # 50.00 + 20 to 30 June, 11 of 30 days = 14.67 + July 40.00, once: the other line never was; 19 % of 104.67 = 19.89
    assert at.bills(partial) == [("104.67", "124.56")]
    # 21 to 30 June, 10 of 30 days of 30.00, and nothing of July; 19 % of 10.00 = 1.90
    assert at.bills(arrears) == [("10.00", "11.90")]
    at.clock("2026-08-01T06:00:00+02:00")
    at.bill_run("2026-08-01")
    assert at.bills(arrears) == [("10.00", "11.90"), ("30.00", "35.70")]
    assert at.bills(failed) == []
    assert at.check() == ""


def a_line_whose_device_is_unreachable_is_held_and_completes_when_it_is_retried(at: Operations, told: Listener) -> str:
    account = at.account("Mended")
    order = at.order(account, "fibre-500", "data-per-gb")
    at.drive_node("kea", UNREACHABLE)
    at.clock("2026-06-11T15:20:00+02:00")
    order.install()
    step = order.out_of_attempts("1.activate_access")
    order.until("held", "held")

    why = order.product_order()["productOrderErrorMessage"]
    assert [message["code"] for message in why] == ["deviceUnavailable"]
    assert why[0]["reason"] == "olt-1 does not answer."
    assert why[0]["message"] == "Step 1.activate_access failed after 5 attempts. ConnectError on config-get."
    assert [item["productOrderItemId"] for item in why[0]["productOrderItem"]] == ["1"]
    held = order.service_order()
    assert [message["step"] for message in held["errorMessage"]] == [{"n": step["n"], "name": "1.activate_access"}]
    assert {item["id"]: item["state"] for item in order.product_order()["productOrderItem"]} == {
        "1": "held",
        "2": "inProgress",
    }
    assert {product["status"] for product in order.products().values()} == {"pendingActive"}
    assert {service["state"] for service in order.services()} == {"reserved"}
    assert at.check() == ""

    order.retry(step)  # too early: nobody has mended it
    order.until("inProgress", "inProgress")
    order.out_of_attempts("1.activate_access")
    order.until("held", "held")
    assert len(order.product_order()["productOrderErrorMessage"]) == 2

    at.drive_node("simulator")
    at.clock(MENDED_AT)
    listed = at.command("order", "held")
    assert f"{order.service_order_id}  held  item 1, step {step['n']} 1.activate_access, since 2026-06-11" in listed
    assert "    olt-1 does not answer. ConnectError on config-get.\n" in listed
    at.command("order", "retry", order.service_order_id, "1.activate_access")
    order.until("inProgress", "inProgress")
    at.connect(order.user_name())
    order.until("completed", "completed")
    since = {product["startDate"] for product in order.products().values()}
    since |= {service["startDate"] for service in order.services()}
    since |= {resource["startOperatingDate"] for resource in order.resources()}
    assert len(since) == 1
    assert since.pop()[:16] == MENDED_AT[:16]
    told.until(
        order.id,
        moves("ProductOrder", "inProgress", "held", "inProgress", "held", "inProgress", "completed"),
    )
    told.until(
        order.service_order_id,
        moves("ServiceOrder", "inProgress", "held", "inProgress", "held", "inProgress", "completed"),
    )
    product = order.products()["1"]["id"]
    told.until(
        product,
        [
            ("ProductCreateEvent", "created"),
            ("ProductStateChangeEvent", "pendingActive"),
            ("ProductStateChangeEvent", "active"),
            ("ProductAttributeValueChangeEvent", "active"),
        ],
    )
    return account


def a_line_that_nobody_can_mend_is_given_up_and_leaves_nothing(at: Operations, told: Listener) -> str:
    before = at.members("pool-olt-1"), at.members("pool-vlan")
    account = at.account("Failed")
    order = at.order(account, "fibre-500", "data-per-gb")
    order.step("1.install", "running")
    assert at.members("pool-olt-1") != before[0]
    at.drive_node("no-such-driver")
    order.install()
    order.step("1.activate_access", "failed")
    order.until("held", "held")
    at.drive_node("simulator")
    why = "The drop cable is cut, and the street may not be dug up."
    at.command("order", "give-up", order.service_order_id, "1", "--reason", why)
    order.until("failed", "failed")

    assert order.service_order()["note"][0]["text"] == why
    assert at.command("order", "held") == "No order is held.\n"
    assert {item["state"] for item in order.product_order()["productOrderItem"]} == {"failed"}
    assert {product["status"] for product in order.products().values()} == {"aborted"}
    assert {service["state"] for service in order.services()} == {"terminated"}
    assert {resource["allocationStatus"] for resource in order.resources()} == {"retired"}
    assert (at.members("pool-olt-1"), at.members("pool-vlan")) == before
    states = {step["name"]: step["state"] for step in order.plan()["steps"]}
    assert order.plan()["state"] == "completed"
    assert {name: states[name] for name in ("1.reserve", "1.activate_access", "1.activate")} == {
        "1.reserve": "compensated",
        "1.activate_access": "compensated",
        "1.activate": "discarded",
    }
    told.until(order.id, moves("ProductOrder", "inProgress", "held", "inProgress", "failed"))
    told.until(order.service_order_id, moves("ServiceOrder", "inProgress", "held", "inProgress", "failed"))
    assert told.of(order.products()["2"]["id"])[-1] == ("ProductStateChangeEvent", "aborted")
    with pytest.raises(Refused) as refused:
        order.cancel("Too late")
    assert (refused.value.status, "orderEnded" in str(refused.value)) == (409, True)
    order.give_up("1", "Twice is as once.")
    assert order.states() == ("failed", "failed")
    return account


def a_line_whose_plan_says_so_is_taken_back_without_asking_anybody(at: Operations, told: Listener) -> str:
    path = "/tmf-api/serviceCatalogManagement/v4/serviceSpecification/rfs-access"
    before = at.api.get(path)["provisioning"]
    at.api.patch(path, {"provisioning": [_undone(step) for step in before]})
    account = at.account("Undone")
    order = at.order(account, "fibre-500")
    at.api.patch(path, {"provisioning": before})
    at.drive_node("no-such-driver")
    order.install()
    order.step("undo 1.activate_access", "failed")  # the device cannot be asked to take back either
    order.until("held", "held")
    at.drive_node("simulator")
    order.retry(order.step("undo 1.activate_access", "failed"))
    order.until("failed", "failed")
    assert [message["code"] for message in order.product_order()["productOrderErrorMessage"]] == ["noDriver"] * 2
    assert {product["status"] for product in order.products().values()} == {"aborted"}
    told.until(order.service_order_id, [*moves("ServiceOrder", "inProgress"), *_undo_failed()])
    return account


def _undone(step: dict[str, object]) -> dict[str, object]:
    return {**step, "onFailure": "undo"} if step["name"] == "activate_access" else step


def _undo_failed() -> list[tuple[str, str | None]]:
    return [
        ("ServiceOrderAttributeValueChangeEvent", "inProgress"),
        *moves("ServiceOrder", "held", "inProgress", "failed")[1:],
    ]


def of_two_lines_one_works_and_the_other_is_given_up(at: Operations, told: Listener) -> str:
    account = at.account("Partial")
    order = at.order(account, "fibre-500", "fibre-500", "data-per-gb")
    at.clock("2026-06-20T10:00:00+02:00")
    order.install("1")
    order.step("1.activate_session", "completed")
    at.drive_node("no-such-driver")
    order.install("2")
    failed = order.step("2.activate_access", "failed")
    order.until("held", "held")
    at.connect(order.user_name("1"))
    order.step("1.activate", "completed")
    at.api.wait("the first line's products", lambda: order.products()["1"]["status"] == "active")
    at.drive_node("simulator")
    assert _states(order) == {
        "1": ("completed", "active"),
        "2": ("held", "pendingActive"),
        "3": ("completed", "active"),
    }
    assert order.states() == ("held", "held")
    with pytest.raises(Refused) as refused:
        at.api.post(
            f"{SERVICE_ORDERS}/cancelServiceOrder",
            {"@type": "CancelServiceOrder", "serviceOrder": {"@type": "ServiceOrderRef", "id": order.service_order_id}},
        )
    assert (refused.value.status, "pointOfNoReturn" in str(refused.value)) == (409, True)
    _cancelling_is_refused(at, order)
    with pytest.raises(Refused) as wrong:
        order.give_up("1", "It works.")
    assert (wrong.value.status, "itemNotHeld" in str(wrong.value)) == (409, True)

    order.give_up("2", "No second line can be had here.")
    order.until("partial", "partial")
    assert _states(order) == {"1": ("completed", "active"), "2": ("failed", "aborted"), "3": ("completed", "active")}
    assert {service["state"] for service in order.services()} == {"active", "terminated"}
    with pytest.raises(Refused) as ended:
        order.retry(failed)
    assert ended.value.status == 409
    told.until(
        order.service_order_id,
        [
            *moves("ServiceOrder", "inProgress", "held"),
            ("ServiceOrderAttributeValueChangeEvent", "held"),
            *moves("ServiceOrder", "inProgress", "partial")[1:],
        ],
    )
    return account


def a_step_done_by_hand_is_skipped(at: Operations) -> None:
    order = at.order(at.account("By hand"), "data-per-gb", "fibre-500")
    at.drive_node("no-such-driver")
    order.install("2")
    order.step("2.activate_access", "failed")
    order.until("held", "held")
    at.drive_node("simulator")
    at.command("order", "skip", order.service_order_id, "2.activate_access", "--reason", "configured by hand")
    order.until("inProgress", "inProgress")
    at.connect(order.user_name("2"))
    order.until("completed", "completed")


def _cancelling_is_refused(at: Operations, order: Order) -> None:
    """A line of the order is active: the customer's wish comes too late, and the order goes on as it was."""
    task = order.cancel("We have changed our mind")
    path = f"{ORDERING}/cancelProductOrder/{task['id']}"
    at.api.wait("the answer", lambda: at.api.get(path)["state"] == "rejected")
    assert at.api.get(path)["errorMessage"]["code"] == "pointOfNoReturn"
    assert order.states() == ("held", "held")


def _states(order: Order) -> dict[str, tuple[str, str]]:
    products = order.products()
    return {
        item["id"]: (item["state"], products[item["id"]]["status"])
        for item in order.product_order()["productOrderItem"]
    }


def a_price_in_arrears_is_sold_as_such(at: Operations) -> str:
    catalog = "/tmf-api/productCatalogManagement/v5"
    at.api.post(
        f"{catalog}/productOfferingPrice",
        {
            "@type": "ProductOfferingPrice",
            "id": "pop-arrears",
            "name": "Fibre 300, afterwards",
            "priceType": "recurring",
            "recurringChargePeriodType": "month",
            "recurringChargePeriodLength": 1,
            "chargeTiming": "inArrears",
            "price": {"unit": "EUR", "value": 30},
            "tax": [{"@type": "TaxItem", "taxCategory": "VAT", "taxRate": 19}],
            "lifecycleStatus": "Active",
        },
    )
    at.api.post(
        f"{catalog}/productOffering",
        {
            "@type": "ProductOffering",
            "id": "fibre-300",
            "name": "Fibre 300",
            "isSellable": True,
            "lifecycleStatus": "Active",
            "productSpecification": {"@type": "ProductSpecificationRef", "id": "ps-internet"},
            "productOfferingPrice": [{"@type": "ProductOfferingPriceRef", "id": "pop-arrears"}],
        },
    )
    account = at.account("Arrears")
    order = at.order(account, "fibre-300")
    at.api.patch(f"{catalog}/productOfferingPrice/pop-arrears", {"chargeTiming": "inAdvance"})  # after it was sold
    at.clock("2026-06-21T12:00:00+02:00")
    order.install()
    at.connect(order.user_name())
    order.until("completed", "completed")
    assert [price["chargeTiming"] for price in order.product_order()["productOrderItem"][0]["itemPrice"]] == [
        "inArrears"
    ]
    assert [price["chargeTiming"] for price in order.products()["1"]["productPrice"]] == ["inArrears"]
    return account

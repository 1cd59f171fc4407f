"""An order is what its plan says when it looks, whenever and however often it was told to look; and who may do what when."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from trunkline.app.demo.load import operator
from trunkline.app.wiring import resources_by_name
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.errors import Conflict, NotFound, Unavailable
from trunkline.kernel.ids import new_id
from trunkline.kernel.plans import get_plan, leases, retry_step
from trunkline.kernel.plans.ending import end_step, fail_step
from trunkline.kernel.tmf import Document
from trunkline.oss.resource_pool.facade import add_members
from trunkline.oss.service_order import facade
from trunkline.oss.service_order.following import fail_item
from trunkline.oss.service_order.resources import service_orders

ERROR = {"code": "portInUse", "reason": "The port is taken."}


@pytest.fixture
async def database(own_database_dsn: str) -> AsyncIterator[Database]:
    """With the demo operator's catalogs and network."""
    opened = await Database.connect(own_database_dsn)
    content, known = operator("fibre.json"), resources_by_name()
    async with opened.unit_of_work() as uow:
        for entry in content["documents"]:
            await known[entry["resource"]].create(uow, entry["document"], context(opened))
        for pool, values in content["poolMembers"].items():
            await add_members(uow, pool, values[:4], context(opened))
    yield opened
    await opened.close()


def context(database: Database) -> Context:
    return Context(tenant="t1", actor="test", channel="worker", now=database.clock.now(), correlation_id=new_id())


async def submit(database: Database, *items: str) -> Document:
    place = {"@type": "PlaceRef", "id": "site-hafenstrasse-12", "role": "service address"}
    document = {
        "@type": "ServiceOrder",
        "serviceOrderItem": [
            {
                "@type": "ServiceOrderItem",
                "id": item,
                "action": "add",
                "service": {
                    "@type": "Service",
                    "serviceSpecification": {"@type": "ServiceSpecificationRef", "id": "cfs-internet"},
                    "place": [{"@type": "RelatedPlaceRefOrValue", "role": "service address", "place": place}],
                },
            }
            for item in items
        ],
    }
    async with database.unit_of_work() as uow:
        return await facade.submit(uow, document, context(database))


async def first_step_fails(database: Database) -> None:
    """A worker takes the first step that is due, and it fails for good."""
    (claimed,) = await leases.claim(database, "worker-1", 1, callouts=False)
    async with database.unit_of_work() as uow:
        now = database.clock.now()
        await fail_step(uow, claimed.held, ERROR, context(database), now=now, retry_after=None)


async def follow(database: Database, order_id: str) -> dict[str, Any]:
    async with database.unit_of_work() as uow:
        await facade.follow_plan(uow, order_id, context(database))
    return await read(database, order_id)


async def read(database: Database, order_id: str) -> dict[str, Any]:
    async with database.read() as session:
        return await service_orders.get(session, order_id, context(database))


def items_of(order: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["state"] for item in order["serviceOrderItem"]}


async def test_news_of_a_failure_that_comes_after_the_retry_holds_nothing_up(database: Database) -> None:
    order = await submit(database, "1")
    await first_step_fails(database)
    held = await follow(database, order["id"])
    assert (held["state"], items_of(held), len(held["errorMessage"])) == ("held", {"1": "held"}, 1)
    assert await follow(database, order["id"]) == held
    async with database.unit_of_work() as uow:
        await retry_step(uow, order["plan"]["id"], 1, context(database))
    assert (await follow(database, order["id"]))["state"] == "inProgress"
    again = await follow(database, order["id"])  # the failure, told once more
    assert (again["state"], items_of(again), len(again["errorMessage"])) == ("inProgress", {"1": "inProgress"}, 1)


async def test_of_two_items_one_is_held_the_other_goes_on_and_each_is_told_of_once(database: Database) -> None:
    order = await submit(database, "1", "2")
    await first_step_fails(database)
    held = await follow(database, order["id"])
    assert (held["state"], sorted(items_of(held).values())) == ("held", ["held", "inProgress"])
    await first_step_fails(database)
    both = await follow(database, order["id"])
    assert (both["state"], items_of(both)) == ("held", {"1": "held", "2": "held"})
    assert {message["serviceOrderItem"][0]["itemId"] for message in both["errorMessage"]} == {"1", "2"}


async def test_an_order_that_has_ended_follows_nothing(database: Database) -> None:
    order = await submit(database, "1")
    await first_step_fails(database)
    await follow(database, order["id"])
    async with database.unit_of_work() as uow:
        await facade.give_up_item(uow, order["id"], "1", "It cannot be done.", context(database))
    assert (await read(database, order["id"]))["state"] == "inProgress"  # it is being taken back
    (claimed,) = await leases.claim(database, "worker-1", 1, callouts=False)
    assert (claimed.run.name, claimed.run.action) == ("1.fail", "fail_item")
    async with database.unit_of_work() as uow:
        await fail_item(uow, claimed.run, context(database))
        await end_step(uow, claimed.held, None, context(database), now=database.clock.now())
    ended = await read(database, order["id"])
    assert (ended["state"], items_of(ended)) == ("failed", {"1": "failed"})
    assert await follow(database, order["id"]) == ended
    async with database.read() as session:
        plan = await get_plan(session, order["plan"]["id"], context(database))
        assert plan.state == "completed"
        assert {service["state"] for service in await facade.services_of(session, order["id"], context(database))} == {
            "terminated"
        }
    async with database.unit_of_work() as uow:
        await facade.give_up_item(uow, order["id"], "1", "Once more.", context(database))
        with pytest.raises(Conflict) as refused:
            await facade.cancel(uow, order["id"], "Too late", context(database))
    assert refused.value.code == "orderEnded"
    assert await read(database, order["id"]) == ended


async def test_what_is_not_held_is_not_given_up_and_nothing_changes(database: Database) -> None:
    order = await submit(database, "1")

    async def refused(item: str) -> str:
        try:
            async with database.unit_of_work() as uow:
                await facade.give_up_item(uow, order["id"], item, "No.", context(database))
        except (Conflict, NotFound) as error:
            return error.code
        return "done"

    assert await refused("1") == "itemNotHeld"
    assert await refused("7") == "unknownItem"
    assert await read(database, order["id"]) == order
    await first_step_fails(database)
    await follow(database, order["id"])
    assert [await refused("1"), await refused("1")] == ["done", "givenUpAlready"]


async def test_an_order_without_a_plan_can_be_cancelled_but_not_worked_on(database: Database) -> None:
    """TMF641 lets a client create an order; nobody has taken it up."""
    document = (await submit(database, "1")) | {"id": "by-hand"}
    kept = {name: document[name] for name in ("@type", "id", "serviceOrderItem")}
    async with database.unit_of_work() as uow:
        await service_orders.create(uow, kept, context(database))
        with pytest.raises(Conflict) as refused:
            await facade.complete_task(uow, "by-hand", "1.install", {}, context(database))
        assert refused.value.code == "notBegun"
        cancelled = await facade.cancel(uow, "by-hand", "Nobody wants it", context(database))
    assert (cancelled["state"], items_of(cancelled)) == ("cancelled", {"1": "cancelled"})


async def test_while_a_worker_runs_a_step_of_the_item_an_item_that_wants_undo_waits(database: Database) -> None:
    """`follow_plan` raises what is worth a repeat, and nothing has changed meanwhile."""
    order = await submit(database, "1")
    async with database.unit_of_work() as uow:
        await _make_parallel(uow, order["plan"]["id"])
    (first,) = await leases.claim(database, "worker-1", 1, callouts=False)
    (second,) = await leases.claim(database, "worker-2", 1, callouts=False)
    async with database.unit_of_work() as uow:
        now = database.clock.now()
        await fail_step(uow, first.held, ERROR, context(database), now=now, retry_after=None)
    with pytest.raises(Unavailable, match="is being run"):
        await follow(database, order["id"])
    assert (await read(database, order["id"]))["state"] == "inProgress"
    async with database.unit_of_work() as uow:
        now = database.clock.now()
        await fail_step(uow, second.held, ERROR, context(database), now=now, retry_after=None)
    assert items_of(await follow(database, order["id"])) == {"1": "inProgress"}
    async with database.read() as session:
        plan = await get_plan(session, order["plan"]["id"], context(database))
    assert [step.name for step in plan.steps if step.action == "fail_item"] == ["1.fail"]


async def _make_parallel(uow: UnitOfWork, plan_id: str) -> None:
    """As if the catalog let two tasks of the item run beside each other, and wanted it undone when one fails."""
    await uow.execute(
        "update kernel.step set state = 'ready', unmet = 0, run_at = now(), "
        """input = (input::jsonb || '{"onFailure": "undo"}')::json """
        "where plan_id = $1 and name in ('1.reserve', '1.activate_session')",
        plan_id,
    )

"""References from one half to the other: kept and marked until an event tells of the target, guarded, or refused."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from trunkline.app import wiring
from trunkline.app.check import _crossings
from trunkline.bss.party.resources import individuals
from trunkline.bss.product_inventory.resources import products
from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Conflict, Unprocessable
from trunkline.kernel.events.relay import Relay
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.crossing import choose_strict, reconcile_crossings, unresolved
from trunkline.oss.service_inventory.resources import services

pytestmark = pytest.mark.pg_matrix
START = datetime(2026, 6, 1, 9, tzinfo=UTC)


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(database_dsn, clock=Clock())
    yield opened
    await opened.close()


@pytest.fixture
def context() -> Context:
    """A fresh tenant a test."""
    return Context(tenant=new_id(), actor="tester", channel="api", now=START, correlation_id=new_id())


def _service(party_id: str, **more: Any) -> dict[str, Any]:
    party = {"role": "user", "@type": "RelatedPartyRefOrPartyRoleRef", "partyOrPartyRole": {"id": party_id, **more}}
    return {"@type": "Service", "state": "active", "relatedParty": [party]}


async def _create(database: Database, resource: Any, document: dict[str, Any], context: Context) -> str:
    async with database.unit_of_work() as uow:
        created = await resource.create(uow, document, context, required=())
    return str(created["id"])


async def _open(database: Database, context: Context) -> list[tuple[str, str, str]]:
    async with database.read() as session:
        found = await unresolved(session, context)
    return [(reference.resource, reference.path, reference.target_id) for reference in found]


def _relay(database: Database) -> Relay:
    return Relay(database, [], [], wiring.STUBBED)


async def test_a_reference_ahead_of_its_event_is_kept_marked_and_resolved_by_the_event(
    database: Database, context: Context
) -> None:
    service_id = await _create(database, services, _service("anna"), context)
    waiting = [("service", "$.relatedParty[0].partyOrPartyRole.id", "anna")]
    assert await _open(database, context) == waiting
    await _create(database, individuals, {"id": "anna", "familyName": "A"}, context)
    assert await _open(database, context) == waiting
    await _relay(database).move()
    assert await _open(database, context) == []
    async with database.read() as session:
        assert (await services.get(session, service_id, context))["relatedParty"][0]["partyOrPartyRole"]["id"] == "anna"


async def test_what_was_told_of_before_is_resolved_at_once(database: Database, context: Context) -> None:
    await _create(database, individuals, {"id": "anna", "familyName": "A"}, context)
    await _relay(database).move()
    await _create(database, services, _service("anna"), context)
    assert await _open(database, context) == []


async def test_an_external_reference_and_another_tenants_record_are_not_taken_for_known(
    database: Database, context: Context
) -> None:
    other = Context(tenant=new_id(), actor="tester", channel="api", now=START, correlation_id=new_id())
    await _create(database, individuals, {"id": "anna", "familyName": "A"}, other)
    await _relay(database).move()
    await _create(database, services, _service("anna"), context)
    await _create(database, services, _service("berta", href="https://partner.example/berta"), context)
    assert [target for _, _, target in await _open(database, context)] == ["anna"]
    assert await _open(database, other) == []


async def test_what_the_other_half_refers_to_is_not_deleted(database: Database, context: Context) -> None:
    await _create(database, individuals, {"id": "anna", "familyName": "A"}, context)
    await _relay(database).move()
    service_id = await _create(database, services, _service("anna"), context)
    with pytest.raises(Conflict) as refused:
        async with database.unit_of_work() as uow:
            await individuals.delete(uow, "anna", context)
    assert refused.value.code == "inUse"
    assert f"service {service_id}" in str(refused.value.message)
    async with database.unit_of_work() as uow:
        await services.delete(uow, service_id, context)
        await individuals.delete(uow, "anna", context)
    await _relay(database).move()
    await _create(database, services, _service("anna"), context)
    assert [target for _, _, target in await _open(database, context)] == ["anna"]


async def test_a_change_of_the_reference_replaces_what_was_kept(database: Database, context: Context) -> None:
    service_id = await _create(database, services, _service("anna"), context)
    async with database.unit_of_work() as uow:
        await services.patch(uow, service_id, {"name": "Line"}, context)
    assert [target for _, _, target in await _open(database, context)] == ["anna"]
    async with database.unit_of_work() as uow:
        await services.patch(uow, service_id, {"relatedParty": _service("berta")["relatedParty"]}, context)
    assert [target for _, _, target in await _open(database, context)] == ["berta"]
    async with database.unit_of_work() as uow:
        await services.patch(uow, service_id, {"relatedParty": None}, context)
    assert await _open(database, context) == []


async def test_a_strict_tenant_has_what_is_not_known_refused_with_its_path(
    database: Database, context: Context
) -> None:
    async with database.unit_of_work() as uow:
        await choose_strict(uow, context, strict=True)
    with pytest.raises(Unprocessable) as refused:
        await _create(database, products, {"status": "active", "realizingService": [{"id": "none"}]}, context)
    assert (refused.value.code, refused.value.path) == ("unknownReference", "$.realizingService[0].id")
    service_id = await _create(database, services, {"@type": "Service", "state": "active"}, context)
    await _relay(database).move()
    await _create(database, products, {"status": "active", "realizingService": [{"id": service_id}]}, context)
    assert await _open(database, context) == []
    async with database.read() as session:
        actions = await session.fetch("select action from kernel.audit where tenant = $1 order by id", context.tenant)
    assert [row["action"] for row in actions] == ["choose", "create", "create"]


async def test_a_reference_stored_while_the_relay_writes_the_stub_is_reconciled(
    database: Database, context: Context
) -> None:
    """Neither sees the other's uncommitted row."""
    await _create(database, individuals, {"id": "anna", "familyName": "A"}, context)
    async with database.unit_of_work() as uow:
        await services.create(uow, _service("anna"), context, required=())
        await uow.flush()
        await asyncio.wait_for(_relay(database).move(), 10)
    assert [target for _, _, target in await _open(database, context)] == ["anna"]
    async with database.read() as session:
        assert await _crossings(session, context) == []
        later = Context(
            tenant=context.tenant, actor="t", channel="api", now=START.replace(hour=10), correlation_id=new_id()
        )
        assert [finding.subject.split()[0] for finding in await _crossings(session, later)] == ["service"]
    async with database.unit_of_work() as uow:
        await reconcile_crossings(uow)
    assert await _open(database, context) == []

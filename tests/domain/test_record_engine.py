"""The record engine on a real database: one row, one event, one audit entry a change; history; conflicts; tenants."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trunkline.bss.party.resources import individuals, organizations
from trunkline.bss.product_catalog.resources import product_offering_prices, product_offerings
from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Conflict, Invalid, NotFound, Precondition, Unprocessable
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.query import cursor, parse

pytestmark = pytest.mark.pg_matrix
START = datetime(2026, 6, 1, 9, tzinfo=UTC)


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(database_dsn, clock=Clock())
    yield opened
    await opened.close()


@pytest.fixture
def context() -> Context:
    """A fresh tenant a test, so that tests of the module do not see each other."""
    return Context(tenant=new_id(), actor="tester", channel="api", now=START, correlation_id=new_id(), reason="a test")


def later(context: Context, **by: int) -> Context:
    return Context(
        tenant=context.tenant,
        actor=context.actor,
        channel=context.channel,
        now=context.now + timedelta(**by),
        correlation_id=new_id(),
    )


async def events(database: Database, context: Context) -> list[str]:
    async with database.read() as session:
        rows = await session.fetch("select type from kernel.outbox where tenant = $1 order by seq", context.tenant)
    return [row["type"] for row in rows]


async def audit(database: Database, context: Context) -> list[tuple[str, int]]:
    async with database.read() as session:
        rows = await session.fetch(
            "select action, version from kernel.audit where tenant = $1 order by id", context.tenant
        )
    return [(row["action"], row["version"]) for row in rows]


async def person(database: Database, context: Context, **more: Any) -> dict[str, Any]:
    async with database.unit_of_work() as uow:
        return await individuals.create(uow, {"familyName": "Line", "givenName": "First", **more}, context)


async def test_create_fills_identity_keeps_unknown_attributes_and_leaves_one_event_and_one_audit_entry(
    database: Database, context: Context
) -> None:
    created = await person(database, context, favouriteColour="green", birthDate="1990-02-03T00:00:00+02:00")
    assert created["href"] == f"/tmf-api/partyManagement/v5/individual/{created['id']}"
    assert created["@type"] == "Individual"
    assert created["status"] == "initialized"
    async with database.read() as session:
        stored = await individuals.get(session, created["id"], context)
    assert stored == created
    assert stored["favouriteColour"] == "green"
    assert stored["birthDate"] == "1990-02-02T22:00:00.000Z"
    assert await events(database, context) == ["IndividualCreateEvent"]
    assert await audit(database, context) == [("create", 1)]


async def test_all_field_errors_come_at_once_and_nothing_is_stored(database: Database, context: Context) -> None:
    with pytest.raises(Invalid) as refused:
        await person(database, context, familyName=7, contactMedium="none", status="initialized")
    assert {problem.path for problem in refused.value.problems} == {"$.familyName", "$.contactMedium"}
    assert await events(database, context) == []
    assert await audit(database, context) == []


async def test_patch_merges_and_only_what_changed_is_audited(database: Database, context: Context) -> None:
    created = await person(database, context)
    async with database.unit_of_work() as uow:
        patch = {"givenName": "Second", "title": "Dr"}
        changed = await individuals.patch(uow, created["id"], patch, later(context, hours=1))
    assert (changed["givenName"], changed["familyName"]) == ("Second", "Line")
    assert await events(database, context) == ["IndividualCreateEvent", "IndividualAttributeValueChangeEvent"]
    async with database.read() as session:
        row = await session.fetch_row(
            "select before::text, after::text from kernel.audit where tenant = $1 and action = 'patch'", context.tenant
        )
    assert row is not None
    assert row["before"] == '{"givenName":"First"}'
    assert row["after"] == '{"givenName":"Second","title":"Dr"}'


async def test_a_patch_that_changes_nothing_writes_nothing(database: Database, context: Context) -> None:
    created = await person(database, context)
    async with database.unit_of_work() as uow:
        await individuals.patch(uow, created["id"], {"givenName": "First", "status": "initialized"}, context)
    assert await events(database, context) == ["IndividualCreateEvent"]
    assert await audit(database, context) == [("create", 1)]


async def test_a_move_is_one_state_change_event_and_illegal_moves_change_nothing(
    database: Database, context: Context
) -> None:
    created = await person(database, context)
    async with database.unit_of_work() as uow:
        await individuals.move(uow, created["id"], "validated", context)
    with pytest.raises(Conflict) as refused:
        async with database.unit_of_work() as uow:
            await individuals.move(uow, created["id"], "initialized", context)
    assert refused.value.allowed == ("deceased",)
    assert await events(database, context) == ["IndividualCreateEvent", "IndividualStateChangeEvent"]


async def test_as_of_reads_give_the_state_at_any_past_instant(database: Database, context: Context) -> None:
    """Invariant 18, for one record."""
    created = await person(database, context)
    id_ = created["id"]
    async with database.unit_of_work() as uow:
        await individuals.patch(uow, id_, {"givenName": "Second"}, later(context, hours=1))
    async with database.unit_of_work() as uow:
        await individuals.delete(uow, id_, later(context, hours=2))
    async with database.read() as session:
        at = [await individuals.get(session, id_, context, at=START + timedelta(minutes=m)) for m in (0, 59, 60, 119)]
        assert [document["givenName"] for document in at] == ["First", "First", "Second", "Second"]
        for minutes in (-1, 120):
            with pytest.raises(NotFound):
                await individuals.get(session, id_, context, at=START + timedelta(minutes=minutes))
        with pytest.raises(NotFound):
            await individuals.get(session, id_, context)


async def test_if_match_of_an_old_version_is_refused(database: Database, context: Context) -> None:
    created = await person(database, context)
    async with database.unit_of_work() as uow:
        await individuals.patch(uow, created["id"], {"givenName": "Second"}, context, if_match=1)
    with pytest.raises(Precondition):
        async with database.unit_of_work() as uow:
            await individuals.patch(uow, created["id"], {"givenName": "Third"}, context, if_match=1)
    async with database.read() as session:
        assert (await individuals.get(session, created["id"], context))["givenName"] == "Second"


async def test_a_taken_id_is_a_conflict(database: Database, context: Context) -> None:
    await person(database, context, id="one")
    with pytest.raises(Conflict) as refused:
        await person(database, context, id="one")
    assert (refused.value.code, refused.value.path) == ("idTaken", "$.id")
    assert await events(database, context) == ["IndividualCreateEvent"]


async def test_unknown_references_are_named_with_their_paths(database: Database, context: Context) -> None:
    with pytest.raises(Unprocessable) as refused:
        async with database.unit_of_work() as uow:
            await product_offerings.create(
                uow,
                {"name": "Fibre", "productSpecification": {"id": "no"}, "productOfferingPrice": [{"id": "no"}]},
                context,
            )
    assert {problem.path for problem in refused.value.problems} == {
        "$.productSpecification.id",
        "$.productOfferingPrice[0].id",
    }
    assert await events(database, context) == []


async def test_no_tenant_sees_another(database: Database, context: Context) -> None:
    created = await person(database, context)
    stranger = Context(tenant=new_id(), actor="stranger", channel="api", now=START, correlation_id=new_id())
    async with database.unit_of_work() as uow:
        assert await individuals.find(uow, created["id"], stranger) is None
        assert (await individuals.page(uow, parse(""), stranger)).total == 0
        for forbidden in (
            individuals.patch(uow, created["id"], {"title": "x"}, stranger),
            individuals.delete(uow, created["id"], stranger),
        ):
            with pytest.raises(NotFound):
                await forbidden


async def test_filters_sort_and_pages(database: Database, context: Context) -> None:
    for n in range(7):
        await person(
            database,
            context,
            givenName=f"G{n % 3}",
            birthDate=f"19{90 + n}-01-01T00:00:00Z",
            partyCharacteristic=[{"name": "level", "value": n}],
            contactMedium=[{"@type": "EmailContactMedium", "emailAddress": f"{n}@example.org"}],
        )

    async def found(query: str) -> list[int]:
        async with database.read() as session:
            page = await individuals.page(session, parse(query), context)
            documents = [await individuals.get(session, id_, context) for id_ in page.ids]
        return [document["partyCharacteristic"][0]["value"] for document in documents]

    assert await found("givenName=G1") == [1, 4]
    assert await found("givenName=G1,G2") == [1, 2, 4, 5]
    assert await found("givenName.ne=G1") == [0, 2, 3, 5, 6]
    assert await found("birthDate.gte=1994-01-01T00:00:00Z") == [4, 5, 6]
    assert await found("birthDate.gt=1994-01-01T00:00:00%2B00:00&birthDate.lt=1996-01-01T00:00:00Z") == [5]
    assert await found("givenName.regex=G[02]&birthDate<1993-06-01") == [0, 2, 3]
    assert await found("contactMedium.emailAddress=3@example.org") == [3]
    assert await found("contactMedium.emailAddress.regex=^[56]@") == [5, 6]
    assert await found("partyCharacteristic.level=4") == [4]
    assert await found("partyCharacteristic.value=4") == [4]
    assert await found("partyCharacteristic.value.gt=4") == [5, 6]
    assert await found("sort=-birthDate&limit=2&offset=1") == [5, 4]
    assert await found("sort=givenName,-birthDate") == [6, 3, 0, 4, 1, 5, 2]
    with pytest.raises(Invalid) as refused:
        await found("givenNmae=G1")
    assert refused.value.message == "Did you mean 'givenName'?"
    with pytest.raises(Invalid):
        await found("birthDate.gt=soon")


async def test_cursors_walk_all_records_once(database: Database, context: Context) -> None:
    async with database.unit_of_work() as uow:
        created = [(await organizations.create(uow, {"name": f"O{n}"}, context))["id"] for n in range(25)]
    walked: list[str] = []
    query = "limit=10"
    async with database.read() as session:
        while True:
            page = await organizations.page(session, parse(query), context)
            walked += page.ids
            assert page.total == 25
            if len(page.ids) < 10:
                break
            query = f"limit=10&after={cursor(page.places[-1])}"
    assert walked == created


async def test_prices_come_back_to_the_cent(database: Database, context: Context) -> None:
    async with database.unit_of_work() as uow:
        from decimal import Decimal

        created = await product_offering_prices.create(
            uow, {"name": "p", "priceType": "recurring", "price": {"unit": "EUR", "value": Decimal("40.10")}}, context
        )
    async with database.read() as session:
        text, _ = await product_offering_prices.get_text(session, created["id"], context)
    assert '"value": 40.10' in text


async def test_versions_and_what_is_told_of_them_follow_in_time_though_the_later_writer_began_earlier(
    database: Database, context: Context
) -> None:
    created = await person(database, context)
    for seconds, title in ((9, "second"), (3, "first to begin")):
        async with database.unit_of_work() as uow:
            await individuals.patch(uow, created["id"], {"title": title}, later(context, seconds=seconds))
    async with database.read() as session:
        told = await session.fetch(
            "select version, occurred_at from kernel.outbox where tenant = $1 order by version", context.tenant
        )
        kept = await session.fetch(
            "select version, recorded_at from kernel.audit where tenant = $1 order by version", context.tenant
        )
    assert [row["occurred_at"] - START for row in told] == [timedelta(seconds=n) for n in (0, 9, 9)]
    assert [row["recorded_at"] - START for row in kept] == [timedelta(seconds=n) for n in (0, 9, 9)]

"""The TMF hub against a real HTTP server that answers as it is told."""

import asyncio
import contextlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.domain.kernel_events.scene import TENANT, context, eventually, happening, publish
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.events.delivery import RetryPolicy
from trunkline.kernel.events.hub import Hub, HubApi, HubSubscription
from trunkline.kernel.events.hub_delivery import HubSender
from trunkline.kernel.events.parked import backlog, list_parked, replay, skip
from trunkline.kernel.events.relay import Relay
from trunkline.kernel.events.runner import EventRunner
from trunkline.kernel.events.signing import load_signer

API = HubApi(path="/tmf-api/productOrderingManagement/v5", resources=("productOrder", "cancelProductOrder"))
V4 = HubApi(
    path="/tmf-api/productOrderingManagement/v4",
    resources=("productOrder",),
    generation=4,
    represent=lambda e: {"productOrder": {"id": e.resource_id, "state": e.payload["productOrder"].get("state")}},
)
QUICK = RetryPolicy(attempts=4, attempts_refused=4, first=timedelta(milliseconds=20), cap=timedelta(milliseconds=40))


def always(status: int) -> Callable[[str, dict[str, Any]], int]:
    return lambda _path, _body: status


class Subscriber:
    """A subscriber's server. `answer(path, body)` gives the status of each notification."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[tuple[str, dict[str, Any], int]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.answer: Callable[[str, dict[str, Any]], int] = always(204)

    async def receive(self, request: Request) -> Response:
        raw = await request.body()
        self.bodies.append(raw)
        body = json.loads(raw or b"null")
        if body is None:  # a redirection was followed
            self.got.append((request.url.path, {}, 204))
            return Response(status_code=204)
        status = self.answer(request.url.path, body)
        self.got.append((request.url.path, body, status))
        self.headers.append(dict(request.headers))
        if status == 599:
            await asyncio.sleep(5)
        elif status == 598:
            await asyncio.sleep(0.5)
            status = 204
            self.got[-1] = (*self.got[-1][:2], status)
        return Response(
            status_code=status, headers={"Location": f"{self.url}/elsewhere"} if 300 <= status < 400 else None
        )

    def accepted(self) -> list[tuple[str, int]]:
        return [(b["event"]["productOrder"]["id"], b["event"]["productOrder"]["n"]) for _, b, s in self.got if s < 300]


@pytest.fixture
async def subscriber() -> AsyncIterator[Subscriber]:
    found = Subscriber()
    app = Starlette(routes=[Route("/{path:path}", found.receive, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 uvicorn tells in no other way
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    found.url = f"http://localhost:{port}"
    yield found
    server.should_exit = True
    await task


async def subscribe(database: Database, api: HubApi, tenant: str = TENANT, **body: Any) -> HubSubscription:
    async with database.unit_of_work() as uow:
        return await Hub(allow_private=True).create(uow, api, body, context(database, tenant))


def sender(database: Database, **settings: Any) -> HubSender:
    return HubSender(database, [API, V4], **{"allow_private": True, "retry": QUICK, **settings})


@contextlib.asynccontextmanager
async def sending(database: Database, hub: HubSender) -> AsyncIterator[None]:
    stop = asyncio.Event()
    relay = Relay(database, [], [API, V4])
    runner = EventRunner(database, relay=relay, consumers=None, hub=hub, poll=timedelta(milliseconds=50))
    task = asyncio.create_task(runner.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def under_way(database: Database) -> int:
    async with database.read() as session:
        found = await backlog(session)
    return found.outbox + sum(found.deliveries.values())


async def all_sent(database: Database) -> bool:
    return await under_way(database) == 0


async def test_a_notification_is_signed_with_the_secret_of_its_subscription(
    database: Database, subscriber: Subscriber, tmp_path: Path
) -> None:
    signer = load_signer(tmp_path)
    made = await subscribe(database, API, callback=f"{subscriber.url}/signed")
    async with sending(database, sender(database, signer=signer)):
        await publish(database, happening(database, "A", 1))
        await eventually(lambda: all_sent(database))
    secret = load_signer(tmp_path).secret(TENANT, made.id)  # another process, the same file
    expected = hmac.new(secret.encode(), subscriber.bodies[0], "sha256").hexdigest()
    assert subscriber.headers[0]["x-hub-signature-256"] == f"sha256={expected}"
    assert secret != signer.secret(TENANT, "another") != signer.secret("another", made.id)
    assert (tmp_path / "hub-signing.key").stat().st_mode & 0o777 == 0o600


async def test_the_notification_of_both_generations_is_exact(database: Database, subscriber: Subscriber) -> None:
    await subscribe(database, API, callback=f"{subscriber.url}/new?x=1")
    await subscribe(database, V4, callback=f"{subscriber.url}/old/", style="listener")
    sent = msgspec.structs.replace(
        happening(database, "A", 1, state="held"),
        occurred_at=database.clock.now().replace(
            year=2026, month=6, day=1, hour=8, minute=5, second=7, microsecond=120999
        ),
    )
    async with sending(database, sender(database)):
        await publish(database, sent)
        await eventually(lambda: all_sent(database))
    instant = sent.occurred_at.strftime("2026-06-01T08:05:07.120Z")
    common = {
        "eventId": sent.id,
        "eventTime": instant,
        "eventType": "ProductOrderStateChangeEvent",
        "correlationId": "cause-1",
        "domain": "product_ordering",
        "title": "ProductOrderStateChangeEvent",
    }
    source = {"id": "A", "@type": "EntityRef", "@referredType": "ProductOrder", "href": "/productOrder/A"}
    by_path = {path: body for path, body, _ in subscriber.got}
    assert by_path == {
        "/new": {
            **common,
            "@type": "ProductOrderStateChangeEvent",
            "timeOccurred": instant,
            "source": source,
            "reportingSystem": {"id": "trunkline", "@type": "EntityRef", "@referredType": "System"},
            "event": sent.payload,
        },
        "/old/listener/productOrderStateChangeEvent": {
            **common,
            "timeOcurred": instant,
            "event": {"productOrder": {"id": "A", "state": "held"}},
        },
    }
    assert {h["host"] for h in subscriber.headers} == {subscriber.url.removeprefix("http://")}
    assert {h["content-type"] for h in subscriber.headers} == {"application/json"}


async def test_refused_notifications_come_again_in_order_and_hold_back_their_resource_only(
    database: Database, subscriber: Subscriber
) -> None:
    answers: Iterator[int] = iter([500, 307, 302])

    def answer(path: str, body: dict[str, Any]) -> int:
        order = body["event"]["productOrder"]
        return next(answers, 201) if (order["id"], order["n"]) == ("A", 1) else 201

    subscriber.answer = answer
    await subscribe(database, API, callback=subscriber.url)
    async with sending(database, sender(database)):
        await publish(database, *(happening(database, id_, n) for n in (1, 2, 3) for id_ in ("A", "B")))
        await eventually(lambda: all_sent(database))
    assert [s for _, b, s in subscriber.got if b["event"]["productOrder"] == {**b["event"]["productOrder"], "id": "A", "n": 1}] == [
        500, 307, 302, 201,
    ]  # fmt: skip
    assert {path for path, _, _ in subscriber.got} == {"/"}  # the redirection was not followed
    assert [x for x in subscriber.accepted() if x[0] == "A"] == [("A", 1), ("A", 2), ("A", 3)]
    assert [x for x in subscriber.accepted() if x[0] == "B"] == [("B", 1), ("B", 2), ("B", 3)]
    order = subscriber.accepted()
    assert order.index(("B", 1)) < order.index(("A", 1))


async def test_after_the_last_try_it_is_parked_and_can_be_replayed_or_skipped(
    database: Database, subscriber: Subscriber
) -> None:
    subscriber.answer = always(404)
    made = await subscribe(database, API, callback=subscriber.url)
    async with sending(database, sender(database)):
        await publish(database, happening(database, "A", 1), happening(database, "A", 2), happening(database, "B", 1))

        async def both_parked() -> bool:
            async with database.read() as session:
                return (await backlog(session)).parked == {f"hub:{made.id}": 2}

        await eventually(both_parked)
        async with database.read() as session:
            first, second = await list_parked(session, context(database), consumer=f"hub:{made.id}")
        assert (first.resource_id, first.attempts, first.waiting) == ("A", 4, 1)
        assert (second.resource_id, second.attempts, second.waiting) == ("B", 4, 0)
        assert first.error == "DeliveryRefused: The subscriber answered 404."
        subscriber.answer = always(200)
        async with database.unit_of_work() as uow:
            await skip(uow, first.id, "subscriber has it by another way", context(database))
            await replay(uow, second.id, context(database))
        await eventually(lambda: all_sent(database))
    assert sorted(subscriber.accepted()) == [("A", 2), ("B", 1)]


async def test_only_what_the_query_asks_for_is_sent(database: Database, subscriber: Subscriber) -> None:
    wishes = {
        "types": "eventType=ProductOrderDeleteEvent",
        "state": "eventType=ProductOrderStateChangeEvent&state=held,completed",
        "party": "productOrder.relatedParty.id=p2",
        "number": "event.productOrder.n=3",
        "all": "",
    }
    for name, query in wishes.items():
        await subscribe(database, API, callback=f"{subscriber.url}/{name}", query=query)
    await subscribe(database, API, tenant="south", callback=f"{subscriber.url}/south")
    happened = [
        happening(database, "A", 1, state="held", relatedParty=[{"id": "p1"}, {"id": "p2"}]),
        happening(database, "A", 2, state="inProgress"),
        happening(database, "A", 3, state="completed"),
        happening(database, "A", 4, type_="ProductOrderDeleteEvent", state="held"),
        happening(database, "A", 5, type_="UsageRated"),  # not an event of the API
        happening(database, "A", 6, state="nul\x00", relatedParty=[{"id": "p3"}]),
    ]
    async with sending(database, sender(database)):
        await publish(database, *happened)
        await eventually(lambda: all_sent(database))
    found: dict[str, list[int]] = {}
    for path, body, _ in subscriber.got:
        found.setdefault(path[1:], []).append(body["event"]["productOrder"]["n"])
    # What no JSON comparison can be made on (a NUL) is sent: too much is harmless, too little is lost.
    assert found == {"types": [4], "state": [1, 3, 6], "party": [1, 6], "number": [3, 6], "all": [1, 2, 3, 4, 6]}


async def test_a_silent_subscriber_does_not_hold_up_another(database: Database, subscriber: Subscriber) -> None:
    subscriber.answer = lambda path, _body: 599 if path == "/silent" else 204
    await subscribe(database, API, callback=f"{subscriber.url}/silent")
    await subscribe(database, API, callback=f"{subscriber.url}/awake")
    hub = sender(database, timeout=timedelta(milliseconds=300), lease=timedelta(seconds=1))
    async with sending(database, hub):
        await publish(database, *(happening(database, f"o{n}", n) for n in range(20)))

        async def awake_has_all() -> bool:
            return sum(path == "/awake" for path, _, _ in subscriber.got) == 20

        await eventually(awake_has_all, 5)
        assert sum(path == "/silent" for path, _, _ in subscriber.got) < 20


async def test_a_sender_that_dies_in_between_is_replaced_when_its_lease_is_over(
    database: Database, subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await subscribe(database, API, callback=subscriber.url)
    await publish(database, happening(database, "A", 1), happening(database, "A", 2))
    await Relay(database, [], [API]).move()
    short = {"timeout": timedelta(milliseconds=200), "lease": timedelta(milliseconds=600)}
    dying, other = sender(database, **short), sender(database, **short)

    async def die(*_: Any) -> None:
        raise asyncio.CancelledError

    # Gone after the request was answered and before the answer was recorded.
    monkeypatch.setattr(dying, "_settle", die)
    (found,) = await dying.due()
    with pytest.raises(asyncio.CancelledError):
        await dying.send_due(found, asyncio.Event())
    assert subscriber.accepted() == [("A", 1)]
    assert await other.send_due(found, asyncio.Event()) == 0
    await asyncio.sleep(0.7)
    (again,) = await other.due()
    assert again.id == made.id
    assert await other.send_due(again, asyncio.Event()) == 2
    assert subscriber.accepted() == [("A", 1), ("A", 1), ("A", 2)]
    assert len({body["eventId"] for _, body, _ in subscriber.got}) == 2


async def test_what_waits_behind_a_first_try_follows_at_once(database: Database, subscriber: Subscriber) -> None:
    await subscribe(database, API, callback=subscriber.url)
    await publish(database, happening(database, "A", 1), happening(database, "A", 2))
    await Relay(database, [], [API]).move()
    stop, one, other = asyncio.Event(), sender(database), sender(database)
    (found,) = await one.due()
    looked = asyncio.Event()

    def answer(path: str, body: dict[str, Any]) -> int:
        looked.set()
        return 598 if not subscriber.got else 204

    subscriber.answer = answer
    sent = asyncio.create_task(one.send_due(found, stop))
    await looked.wait()  # the first is on its way and held by its lease of 30 s
    assert await other.send_due(found, stop) == 0
    assert await sent == 2
    assert subscriber.accepted() == [("A", 1), ("A", 2)]


async def test_an_address_that_has_become_private_is_not_called(database: Database, subscriber: Subscriber) -> None:
    await subscribe(database, API, callback=subscriber.url)
    async with sending(database, sender(database, allow_private=False)):
        await publish(database, happening(database, "A", 1))

        async def parked() -> bool:
            async with database.read() as session:
                return len(await list_parked(session, context(database))) == 1

        await eventually(parked)
    assert subscriber.got == []
    async with database.read() as session:
        (found,) = await list_parked(session, context(database))
    assert found.error.startswith("Invalid callbackRefused: This callback is not accepted. Localhost is in a private")


async def test_subscriptions_are_made_shown_and_ended(database: Database, subscriber: Subscriber) -> None:
    hub, who = Hub(allow_private=True), context(database)
    made = await subscribe(database, API, callback=subscriber.url, query="state=held")
    other = await subscribe(database, API, callback=subscriber.url)
    await subscribe(database, V4, callback=subscriber.url)
    assert made.document() == {
        "id": made.id,
        "href": f"/tmf-api/productOrderingManagement/v5/hub/{made.id}",
        "callback": subscriber.url,
        "query": "state=held",
        "style": "callback",
        "@type": "Hub",
    }
    async with database.read() as session:
        assert await hub.get(session, API, made.id, who) == made
        assert await hub.list(session, API, who) == [made, other]
        assert await hub.list(session, API, who, offset=1, limit=1) == [other]
        for api, tenant in ((V4, TENANT), (API, "south")):
            with pytest.raises(NotFound):
                await hub.get(session, api, made.id, context(database, tenant))
    with pytest.raises(Conflict) as refused:
        await subscribe(database, API, callback=subscriber.url, query="state=held")
    assert refused.value.code == "alreadySubscribed"

    await publish(database, happening(database, "A", 1, state="held"))
    await Relay(database, [], [API]).move()
    assert await under_way(database) == 2
    async with database.unit_of_work() as uow:
        await hub.delete(uow, API, other.id, who)
    assert await under_way(database) == 1
    with pytest.raises(NotFound):
        async with database.unit_of_work() as uow:
            await hub.delete(uow, API, other.id, who)
    async with database.read() as session:
        assert await hub.list(session, API, who) == [made]
        rows = await session.fetch("select action from kernel.audit where resource_id = $1 order by id", other.id)
    assert [row["action"] for row in rows] == ["create", "delete"]


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ([], "invalidBody", "$"),
        ({}, "mandatoryMissing", "$.callback"),
        ({"callback": 7}, "mandatoryMissing", "$.callback"),
        ({"callback": "http://8.8.8.8/", "query": 7}, "wrongType", "$.query"),
        ({"callback": "http://8.8.8.8/", "style": "fax"}, "unknownValue", "$.style"),
        ({"callback": "http://8.8.8.8/", "calback": "x"}, "unknownAttribute", "$.calback"),
        ({"callback": "http://8.8.8.8/", "query": "eventType=UsageCreateEvent"}, "unknownEventType", "$.query"),
        ({"callback": "http://127.0.0.1/"}, "callbackRefused", "$.callback"),
    ],
)
async def test_wrong_subscriptions_are_refused_and_leave_nothing(
    database: Database, body: Any, code: str, path: str
) -> None:
    with pytest.raises(Invalid) as refused:
        async with database.unit_of_work() as uow:
            await Hub().create(uow, API, body, context(database))
    assert (refused.value.code, refused.value.path) == (code, path)
    async with database.read() as session:
        assert await session.fetch_value("select count(*) from kernel.hub_subscription") == 0

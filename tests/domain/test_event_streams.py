"""Live streams of events, over a socket, from the server as `trunkline serve` runs it."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn

from tests.support.installation import Installation, installation
from trunkline.app import wiring
from trunkline.app.http import HttpServer, Server
from trunkline.app.one_write import OneWriteProtocol
from trunkline.app.settings import Settings
from trunkline.kernel.context import Context
from trunkline.kernel.events.event import event
from trunkline.kernel.events.relay import Relay
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.catalogue import served_apis

V5 = "/tmf-api/productOrderingManagement/v5/events"
V4 = "/tmf-api/productOrderingManagement/v4/events"
CREATED, CHANGED = "ProductOrderCreateEvent", "ProductOrderStateChangeEvent"


class Told(msgspec.Struct):
    """One dispatched event of a stream, or its last word."""

    id: str
    kind: str
    body: dict[str, Any]


class Reader:
    """A client of one stream, reading as a browser's EventSource does."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.seen_id = self.last_id = ""
        self._told: asyncio.Queue[Told | None] = asyncio.Queue()
        self._pump: asyncio.Task[None] | None = None

    async def _read(self) -> None:
        kind, data = "message", ""
        async for line in self.response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                self.seen_id = value
            elif name == "event":
                kind = value
            elif name == "data":
                data = value
            elif not line and data:
                self._told.put_nowait(Told(self.seen_id, kind, json.loads(data)))
                kind, data = "message", ""
        self._told.put_nowait(None)

    async def next(self, seconds: float = 10) -> Told | None:
        """The next event; None when the stream has ended. Reading begins with the first."""
        self._pump = self._pump or asyncio.create_task(self._read())
        async with asyncio.timeout(seconds):
            told = await self._told.get()
        if told is not None:
            self.last_id = told.id
        return told

    async def close(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    async def orders(self, count: int) -> list[str]:
        found = [await self.next() for _ in range(count)]
        return [told.body["event"]["productOrder"]["id"] for told in found if told is not None]

    async def silent(self, seconds: float = 0.5) -> bool:
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False


class Site:
    """A served installation with a relay."""

    def __init__(self, at: Installation, url: str, server: HttpServer, app: Server) -> None:
        self.at, self.url, self.server, self.app = at, url, server, app
        apis = [served.hub for served in served_apis(wiring.declared())]
        self.relay = Relay(at.database, (), apis)

    async def tell(self, *ids: str, type_: str = CREATED, context: Context | None = None, **more: Any) -> None:
        """Orders to which something happened, in one transaction, moved to the log."""
        context = context or self.at.context
        async with self.at.database.unit_of_work() as uow:
            for id_ in ids:
                document = {"id": id_, "href": f"/productOrder/{id_}", "@type": "ProductOrder", **more}
                uow.publish(
                    event(
                        *(context, type_),
                        source="product_ordering",
                        resource="productOrder",
                        resource_id=id_,
                        payload={"productOrder": document},
                    )
                )
        while (await self.relay.move()).events:
            pass

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str = V5, *, key: str | None = None, last: str | None = None, status: int = 200
    ) -> AsyncIterator[Reader]:
        headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {self.at.key if key is None else key}"}
        headers |= {} if last is None else {"Last-Event-ID": last}
        async with (
            httpx.AsyncClient(base_url=self.url, timeout=20, trust_env=False) as client,
            client.stream("GET", path, headers=headers) as response,
        ):
            assert response.status_code == status, await response.aread()
            reader = Reader(response)
            try:
                yield reader
            finally:
                await reader.close()


@contextlib.asynccontextmanager
async def serving(dsn: str, home: Path, **settings: Any) -> AsyncIterator[Site]:
    async with installation(dsn) as at:
        app = Server(Settings(home=home, **settings), dsn)
        config = uvicorn.Config(
            app, port=0, log_level="error", lifespan="on", http=OneWriteProtocol, timeout_graceful_shutdown=8
        )
        server = HttpServer(config, app)
        task = asyncio.create_task(server.serve())
        while not server.started and not task.done():  # noqa: ASYNC110 uvicorn tells in no other way
            await asyncio.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield Site(at, f"http://127.0.0.1:{port}", server, app)
        finally:
            server.should_exit = True
            await task


@pytest.fixture
async def site(database_dsn: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(database_dsn, tmp_path) as found:
        yield found


async def opened(reader: Reader) -> Reader:
    """The stream has joined: it is told what happens from now on."""
    assert await reader.silent(0.3)
    return reader


async def test_an_event_is_told_as_a_callback_would_get_it(site: Site) -> None:
    async with site.stream() as new, site.stream(V4) as old:
        assert new.response.headers["content-type"].startswith("text/event-stream")
        assert new.response.headers["cache-control"] == "no-store"
        await opened(new)
        began = time.monotonic()
        await site.tell("o-1", state="acknowledged")
        told, older = await new.next(), await old.next()
        assert time.monotonic() - began < 2  # heard, not polled: the safety poll comes after five seconds
    assert told is not None
    assert older is not None
    assert told.kind == "message"
    assert told.body["eventType"] == told.body["@type"] == CREATED
    assert told.body["event"]["productOrder"]["state"] == "acknowledged"
    assert "timeOccurred" in told.body
    assert "timeOcurred" in older.body
    assert older.body["eventId"] == told.body["eventId"]
    assert older.id == told.id


async def test_who_comes_back_gets_just_what_was_missed_in_order(site: Site) -> None:
    async with site.stream() as reader:
        await opened(reader)
        await site.tell("a", "b")
        assert await reader.orders(2) == ["a", "b"]
        last = reader.last_id
    missed = [f"m-{n}" for n in range(450)]  # more than two reads of the log
    await site.tell(*missed)
    async with site.stream(last=last) as reader:
        assert await reader.orders(450) == missed
        await site.tell("after")
        assert await reader.orders(1) == ["after"]
        assert await reader.silent()
    async with site.stream(last=reader.last_id) as reader:
        assert await reader.silent()
    async with site.stream(last="0") as reader:
        assert await reader.orders(453) == ["a", "b", *missed, "after"]


async def test_nothing_is_lost_or_told_twice_where_the_past_meets_the_present(site: Site) -> None:
    """Streams open while events are written: each gets all of them once, in order."""
    wanted = [f"n-{n}" for n in range(120)]

    async def listen(pause: float) -> list[str]:
        await asyncio.sleep(pause)
        async with site.stream(f"{V5}?eventType={CREATED}&n={(round(pause * 100) % 2 and 1) or 1}", last="0") as reader:
            return await reader.orders(len(wanted))

    async def write() -> None:
        for id_ in wanted:
            await site.tell(id_, n=1)

    listeners = [asyncio.create_task(listen(n * 0.03)) for n in range(12)]
    await write()
    assert await asyncio.gather(*listeners) == [wanted] * 12


async def test_the_filter_is_that_of_the_hub(site: Site) -> None:
    async with (
        site.stream(f"{V5}?eventType={CHANGED}&state=completed") as reader,
        site.stream("/tmf-api/partyManagement/v5/events") as other_api,
    ):
        await opened(reader)
        await site.tell("created", state="completed")
        await site.tell("held", type_=CHANGED, state="held")
        await site.tell("wanted", type_=CHANGED, state="completed")
        assert await reader.orders(1) == ["wanted"]
        assert await reader.silent()
        assert await other_api.silent()
    for query in ("eventType=PartyCreateEvent", "state>5"):
        async with site.stream(f"{V5}?{query}", status=400) as refused:
            body = json.loads(await refused.response.aread())
            assert body["path"] == "$.query"


async def test_another_tenant_sees_nothing(site: Site, database_dsn: str) -> None:
    async with installation(database_dsn) as other, site.stream() as own, site.stream(key=other.key) as foreign:
        await opened(own)
        await site.tell("mine")
        assert await own.orders(1) == ["mine"]
        assert await foreign.silent()
        await site.tell("theirs", context=other.context)
        assert await foreign.orders(1) == ["theirs"]
        assert await own.silent()
        newest = own.last_id
        async with site.stream(key=other.key, last="0") as again:
            assert await again.orders(1) == ["theirs"]
    assert int(newest) > 0


async def test_who_may_not_subscribe_may_not_listen(site: Site) -> None:
    for key, status, code in (
        ("", 401, "notAuthenticated"),
        (f"tk_{new_id()}_no", 401, "invalidCredentials"),
        ((await site.at.make_key(["productOrder:read"])).key, 403, "notPermitted"),
    ):
        headers = {"Accept": "text/event-stream"} | ({"Authorization": f"Bearer {key}"} if key else {})
        async with httpx.AsyncClient(base_url=site.url, trust_env=False) as client:
            answer = await client.get(V5, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_what_cannot_be_streamed_is_refused(site: Site) -> None:
    auth = {"Authorization": f"Bearer {site.at.key}"}
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, headers=auth) as client:
        plain = await client.get(V5)
        assert (plain.status_code, plain.json()["path"], plain.json()["allowed"]) == (
            *(406, "Accept"),
            ["text/event-stream"],
        )
        for id_ in ("x", "-1", "999999999999", "9" * 30):
            answer = await client.get(V5, headers={"Accept": "text/event-stream", "Last-Event-ID": id_})
            assert (answer.status_code, answer.json()["path"]) == (400, "Last-Event-ID")
        head = await client.head(V5, headers={"Accept": "text/event-stream"})
        assert (head.status_code, head.content) == (200, b"")


async def test_no_more_streams_than_the_settings_say(database_dsn: str, tmp_path: Path) -> None:
    async with serving(database_dsn, tmp_path, event_streams=2) as site:
        async with site.stream(), site.stream() as second, site.stream(status=503) as refused:
            body = json.loads(await refused.response.aread())
            assert body["code"] == "tooManyStreams"
            assert refused.response.headers["retry-after"] == "1"
            assert await second.silent(0.1)
        async with asyncio.timeout(5):
            while site.app._streams._open:  # noqa: ASYNC110 the server notices that clients went
                await asyncio.sleep(0.02)
        async with site.stream() as third:
            await opened(third)
            assert site.app._streams._joined
        async with asyncio.timeout(5):
            while site.app._streams._reader is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert not site.app._streams._heads
        assert not site.app._streams._joined


async def test_a_client_that_does_not_read_is_cut_off_and_comes_back(site: Site) -> None:
    """What the server keeps for it is bounded; nothing is lost."""
    site.app._streams.limits = msgspec.structs.replace(site.app._streams.limits, events=20, octets=200_000)
    async with site.stream() as slow:
        (stream,) = site.app._streams._open
        async with asyncio.timeout(5):
            while not site.app._streams._joined:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        sent = 0
        most = 0
        while not stream.waiting.is_over() and sent < 400:
            await site.tell(*(f"s-{sent + n}" for n in range(10)), text="x" * 60_000)
            sent += 10
            await asyncio.sleep(0.05)
            most = max(most, stream.waiting._octets)
        assert stream.waiting.end_code == "tooSlow"
        assert most <= 200_000
        got = []
        while (told := await slow.next()) is not None and told.kind == "message":
            got.append(told.body["event"]["productOrder"]["id"])
        assert told is not None
        assert told.kind == "end"
        assert told.body["code"] == "tooSlow"
        assert told.body["lastEventId"] == told.id
        assert await slow.next() is None
    async with site.stream(last=told.id) as again:
        got += await again.orders(sent - len(got))
    assert got == [f"s-{n}" for n in range(sent)]


async def test_signs_of_life_move_the_place_on(site: Site) -> None:
    site.app._streams.limits = msgspec.structs.replace(site.app._streams.limits, heartbeat_s=0.2, lifetime_s=1.5)
    async with site.stream(f"{V5}?eventType={CHANGED}") as reader:
        await reader.silent(0.3)
        began = reader.seen_id
        await site.tell("unwanted")
        told = await reader.next()
        assert told is not None
        assert (told.kind, told.body["code"]) == ("end", "lifetimeOver")
        assert int(reader.last_id) > int(began or "0")
    async with site.stream(f"{V5}?eventType={CHANGED}", last=reader.last_id) as reader:
        await reader.silent(0.3)


async def test_streams_end_when_the_server_stops(database_dsn: str, tmp_path: Path) -> None:
    async with serving(database_dsn, tmp_path) as site, site.stream() as reader:
        await opened(reader)
        began = time.monotonic()
        site.server.should_exit = True
        told = await reader.next()
        assert told is not None
        assert (told.kind, told.body["code"]) == ("end", "serverStops")
        assert await reader.next() is None
        assert time.monotonic() - began < 4

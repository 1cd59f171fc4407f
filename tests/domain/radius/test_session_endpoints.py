"""An operator ends or changes a running session: what the access server is told, what is answered and kept."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.domain.radius.conftest import ALICE
from tests.support.access_server import SECRET, AccessServer, access_server
from tests.support.installation import Installation, installation
from trunkline.adapters.radius import session_api
from trunkline.adapters.radius.nas import AccessServers
from trunkline.kernel.idempotency.edge import with_idempotency
from trunkline.kernel.web import Frame, Router
from trunkline.oss.activation import aaa
from trunkline.oss.activation.sealing import load_key

PATH = "/trunkline/v1/accessSession"
NAMED = {"accessServer": "bng", "userName": "alice", "sessionId": "A1"}


class Edge:
    """An installation, and the access server "bng" that its radius.toml lists ("mute" has no address there)."""

    def __init__(self, served: Installation, server: AccessServer) -> None:
        self.served = served
        self.server = server

    async def post(self, action: str, body: dict[str, Any], key: str | None = None) -> tuple[int, dict[str, Any]]:
        async with self.served.client(key) as client:
            answer = await client.post(f"{PATH}/{action}", json=body)
        return answer.status_code, answer.json()

    async def audited(self) -> list[tuple[str, str, dict[str, Any]]]:
        async with self.served.database.read() as session:
            rows = await session.fetch(
                """select action, resource_id, after::text as after from kernel.audit
                    where tenant = $1 and resource = 'accessSession' order by id""",
                self.served.context.tenant,
            )
        return [(row["action"], row["resource_id"], json.loads(row["after"])) for row in rows]


@pytest.fixture
async def edge(database_dsn: str, tmp_path: Path) -> AsyncIterator[Edge]:
    with access_server() as server:
        listed = f'[[nas]]\nname = "bng"\nvendor = "mikrotik"\naddress = "127.0.0.1"\nport = {server.port}\n'
        file = tmp_path / "radius.toml"
        file.touch(mode=0o600)
        file.write_text(f'{listed}secret = "{SECRET}"\n[[nas]]\nname = "mute"\n')
        endpoints = session_api.endpoints(AccessServers.of_home(tmp_path))
        async with installation(database_dsn, endpoints) as served:
            async with served.database.unit_of_work() as uow:
                await uow.execute("delete from activation.sealing_key")
                await aaa.publish_key(uow, load_key(tmp_path))
                await aaa.put_subscriber(uow, ALICE, served.context)
            yield Edge(served, server)


async def test_a_session_is_ended_once_and_it_is_kept_who_did_it(edge: Edge) -> None:
    assert await edge.post("disconnect", NAMED) == (200, {"acknowledged": True, "reason": "acknowledged"})
    assert edge.server.sessions == {}
    gone = {"acknowledged": False, "reason": "session context not found", "errorCause": 503}
    assert await edge.post("disconnect", NAMED) == (200, gone)
    kept = await edge.audited()
    assert [(action, who, after["told"]["acknowledged"]) for action, who, after in kept] == [
        ("disconnect", "alice", True),
        ("disconnect", "alice", False),
    ]
    assert SECRET not in json.dumps(kept)


async def test_a_session_gets_the_speeds_its_subscriber_has_now(edge: Edge) -> None:
    assert (await edge.post("change", NAMED))[1]["acknowledged"]
    assert edge.server.sessions["alice", "A1"] == {"Mikrotik-Rate-Limit": "250000k/500000k"}
    given = {**NAMED, "attributes": {"Mikrotik-Rate-Limit": ["1000k/2000k"]}}
    assert (await edge.post("change", given))[1]["acknowledged"]
    assert edge.server.sessions["alice", "A1"] == {"Mikrotik-Rate-Limit": "1000k/2000k"}


@pytest.mark.parametrize(
    ("action", "body", "status", "code"),
    [
        ("disconnect", {**NAMED, "accessServer": "other"}, 404, "unknownAccessServer"),
        ("disconnect", {**NAMED, "accessServer": "mute"}, 400, "noDynamicAuthorization"),
        ("change", {**NAMED, "userName": "nobody"}, 404, "unknownSubscriber"),
        ("change", {**NAMED, "attributes": {"Acme-Speed": ["1"]}}, 400, "unknownAttribute"),
        ("change", {**NAMED, "attributes": {"Session-Timeout": ["soon"]}}, 400, "invalidValue"),
        ("change", {**NAMED, "attributes": {"Session-Timeout": []}}, 400, None),
        ("disconnect", {"accessServer": "bng"}, 400, None),
        ("disconnect", {**NAMED, "userName": ""}, 400, None),
        ("disconnect", {**NAMED, "userName": "a" * 254}, 400, None),
        ("disconnect", {**NAMED, "framedIp": "not an address"}, 400, "invalidValue"),
    ],
)
async def test_what_cannot_be_asked_is_refused_and_changes_nothing(
    edge: Edge, action: str, body: dict[str, Any], status: int, code: str | None
) -> None:
    found, answer = await edge.post(action, body)
    assert (found, answer["code"]) == (status, code or answer["code"])
    assert edge.server.requests == 0
    assert await edge.audited() == []


async def test_the_key_that_freeradius_shows_may_not_end_sessions(edge: Edge) -> None:
    key = (await edge.served.make_key(["radius:*"])).key
    assert (await edge.post("disconnect", NAMED, key))[0] == 403
    assert edge.server.requests == 0


async def test_no_transaction_is_open_while_the_access_server_is_asked_and_a_repetition_does_not_ask(
    edge: Edge, tmp_path: Path
) -> None:
    open_ones = """select count(*) from pg_stat_activity
     where datname = current_database() and state = 'idle in transaction'"""
    frame = Frame(database=edge.served.database, authenticate=edge.served.security.authenticate, run=with_idempotency)
    edge.served.router = Router(session_api.endpoints(AccessServers.of_home(tmp_path)), frame)
    edge.server.lose = 1  # the first packet: it is sent again after two seconds

    async def ask() -> httpx.Response:
        async with edge.served.client() as client:
            headers = {"Idempotency-Key": "end-a1"}
            return await client.post(f"{PATH}/disconnect", json=NAMED, headers=headers, timeout=30)

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.8)
    assert not asking.done()
    async with edge.served.database.read() as session:
        assert await session.fetch_value(open_ones) == 0
    first, asked = await asking, edge.server.requests
    again = await ask()
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert edge.server.requests == asked
    assert len(await edge.audited()) == 1

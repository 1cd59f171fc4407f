"""API keys: how they are sent, what they may do, and that a revoked one stops at once."""

import asyncio
import time
from datetime import timedelta

import pytest

from tests.support.installation import Installation, assert_denied, installation
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.security import facade
from trunkline.kernel.security.contracts import NewKey
from trunkline.kernel.web import Credentials

SELF = "/trunkline/v1/session"
KEYS = "/trunkline/v1/key"


async def test_a_key_works_as_bearer_and_as_basic_with_secret_or_whole_key(served: Installation) -> None:
    created = await served.make_key(["security:read"])
    secret = created.key.removeprefix(f"tk_{created.id}_")
    async with served.client("") as client:
        for auth in ((created.id, secret), (created.id, created.key), (f"tk_{created.id}", secret)):
            answer = await client.get(SELF, auth=auth)
            assert answer.json()["principalId"] == created.principal_id, auth[0]
        bearer = await client.get(SELF, headers={"Authorization": f"bearer {created.key}"})
        assert bearer.json()["permissions"] == ["security:read"]


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Digest x",
        "Basic !!!",
        "Basic YWJj",
        "Bearer tk_x_y",
        "Bearer a.b.c",
        "Bearer tk__",
        "Basic Og==",
    ],
)
async def test_malformed_and_unknown_credentials_are_401(served: Installation, header: str) -> None:
    async with served.client("") as client:
        answer = await client.get(SELF, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["code"] in ("malformedCredentials", "invalidCredentials")


async def test_the_secret_of_one_key_does_not_open_another(served: Installation) -> None:
    one, other = await served.make_key(), await served.make_key()
    mixed = f"tk_{one.id}_{other.key.removeprefix(f'tk_{other.id}_')}"
    async with served.client(mixed) as client:
        assert (await client.get(SELF)).status_code == 401


async def test_a_revoked_key_stops_within_a_second_in_every_process(served: Installation, database_dsn: str) -> None:
    key = await served.make_key(["security:read"])
    async with installation(database_dsn) as second:  # another server process on the same database
        used = [served.client(key.key), second.client(key.key)]
        await _until_remembered(served, key.key)
        await _until_remembered(second, key.key)
        async with served.client() as admin:
            assert (await admin.delete(f"{KEYS}/{key.id}")).status_code == 204
        revoked_at = time.monotonic()
        for client in used:
            while (await client.get(SELF)).status_code != 401:
                assert time.monotonic() - revoked_at < 1, "a revoked key went on"
                await asyncio.sleep(0.005)
            await client.aclose()


async def _until_remembered(at: Installation, key: str) -> None:
    """Wait until the process listens and remembers the key: otherwise the test would pass without a memory."""
    for _ in range(400):
        await at.security.authenticate(Credentials(scheme="bearer", secret=key))
        if at.security.authenticate._known:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the authenticator never came to listen")


async def test_while_notifications_are_not_heard_nothing_is_remembered(served: Installation) -> None:
    key = await served.make_key()
    await _until_remembered(served, key.key)
    async with served.database.unit_of_work() as uow:
        await uow.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and query ilike 'listen%trunkline_security%'"""
        )
    for _ in range(200):
        if not served.security.authenticate._listening:
            break
        await asyncio.sleep(0.005)
    await served.security.authenticate(Credentials(scheme="bearer", secret=key.key))
    assert served.security.authenticate._known == {}


async def test_an_expired_key_says_so_and_a_disabled_principal_is_out(served: Installation) -> None:
    now = served.database.clock.wall()
    async with served.database.unit_of_work() as uow:
        request = NewKey(name="short", roles=["auditor"], expires_at=now + timedelta(milliseconds=300))
        short = await facade.create_key(uow, request, served.context)
    async with served.client(short.key) as client:
        assert (await client.get(SELF)).status_code == 200
        await asyncio.sleep(0.35)
        assert (await client.get(SELF)).json()["code"] == "keyExpired"
    key = await served.make_key()
    async with served.client() as admin, served.client(key.key) as client:
        assert (await client.get(SELF)).status_code == 200
        answer = await admin.patch(f"/trunkline/v1/principal/{key.principal_id}", json={"state": "disabled"})
        assert answer.status_code == 200
        assert (await client.get(SELF)).status_code == 401


async def test_every_endpoint_of_security_needs_a_principal_and_its_permission(served: Installation) -> None:
    for method, path in (
        ("GET", KEYS),
        ("POST", KEYS),
        ("GET", f"{KEYS}/x"),
        ("DELETE", f"{KEYS}/x"),
        ("GET", "/trunkline/v1/role"),
        ("POST", "/trunkline/v1/role"),
        ("GET", "/trunkline/v1/role/x"),
        ("DELETE", "/trunkline/v1/role/x"),
        ("GET", "/trunkline/v1/principal"),
        ("POST", "/trunkline/v1/principal"),
        ("GET", "/trunkline/v1/principal/x"),
        ("PATCH", "/trunkline/v1/principal/x"),
    ):
        await assert_denied(served, method, path, json={} if method in ("POST", "PATCH") else None)


async def test_a_key_is_of_one_tenant_and_does_not_see_another(served: Installation, database_dsn: str) -> None:
    async with installation(database_dsn) as other:
        theirs = await other.make_key()
        async with served.client() as client:
            assert (await client.get(f"{KEYS}/{theirs.id}")).status_code == 404
            assert (await client.delete(f"{KEYS}/{theirs.id}")).status_code == 404
            listed = (await client.get(f"{KEYS}?limit=1000")).json()
        assert theirs.id not in {row["id"] for row in listed}
        async with other.client(theirs.key) as client:
            assert (await client.get(SELF)).json()["tenant"] == other.context.tenant


async def test_the_secret_is_shown_once_and_stored_nowhere(served: Installation) -> None:
    async with served.client() as client:
        answer = await client.post(KEYS, json={"name": "billing job", "roles": ["billing"]})
        created = answer.json()
        assert answer.status_code == 201
        assert answer.headers["location"] == f"{KEYS}/{created['id']}"
        assert answer.headers["cache-control"] == "no-store"
        read = (await client.get(answer.headers["location"])).json()
    assert read["prefix"] == f"tk_{created['id']}"
    assert "key" not in read
    secret = created["key"].rpartition(f"{created['id']}_")[2]
    async with served.database.read() as session:
        for table in ("api_key", "audit", "principal", "outbox"):
            assert secret not in await _everything(session, table)
    assert ("create", "apiKey") in await _audit(served.database.read, served.context)


async def _everything(session: ReadSession, table: str) -> str:
    return str(await session.fetch_value(f"select string_agg(to_jsonb(t)::text, ' ') from kernel.{table} t") or "")


async def _audit(read: object, context: Context) -> set[tuple[str, str]]:
    async with read() as session:  # type: ignore[operator]
        rows = await session.fetch("select action, resource from kernel.audit where tenant = $1", context.tenant)
    return {(row["action"], row["resource"]) for row in rows}


async def test_a_key_is_noted_as_used_by_day(served: Installation) -> None:
    key = await served.make_key()
    async with served.client(key.key) as client:
        await client.get(SELF)
    async with served.database.read() as session:
        view = await facade.get_key(session, key.id, served.context)
    assert view.last_used_on == served.database.clock.wall().date().isoformat()

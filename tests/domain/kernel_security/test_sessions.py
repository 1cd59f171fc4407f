"""Local accounts: log-in, its limits, passwords, and what may be handed on."""

import statistics
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.installation import PASSWORD, Installation, installation
from trunkline.kernel.security.contracts import Limits, SecuritySettings
from trunkline.kernel.security.sign_in import sweep

SESSION = "/trunkline/v1/session"
PRINCIPAL = "/trunkline/v1/principal"


async def log_in(client: httpx.AsyncClient, login: str = "admin", password: str = PASSWORD) -> httpx.Response:
    return await client.post(SESSION, json={"login": login, "password": password})


@pytest.fixture
async def strict(database_dsn: str) -> AsyncIterator[Installation]:
    limits = Limits(failures_per_login=3, failures_per_address=8)
    async with installation(database_dsn, settings=SecuritySettings(limits=limits)) as found:
        yield found


async def test_log_in_work_and_log_out(served: Installation) -> None:
    async with served.client("") as client:
        answer = await log_in(client)
        opened = answer.json()
        assert answer.status_code == 201
        assert opened["permissions"] == ["*"]
        headers = {"Authorization": f"Bearer {opened['token']}"}
        assert (await client.get(SESSION, headers=headers)).json()["name"] == "admin"
        assert (await client.delete(SESSION, headers=headers)).status_code == 204
        assert (await client.get(SESSION, headers=headers)).json()["code"] == "sessionEnded"
    async with served.database.read() as session:
        stored = await session.fetch_value(
            "select coalesce(string_agg(to_jsonb(a)::text, ''), '') from kernel.audit a where tenant = $1",
            served.context.tenant,
        )
    assert '"session"' in stored
    assert opened["token"].rpartition("_")[2] not in stored
    assert PASSWORD not in stored


async def test_an_unknown_login_is_answered_as_a_wrong_password_in_the_same_time(served: Installation) -> None:
    took: dict[str, list[float]] = {"admin": [], "nobody": []}
    bodies: dict[str, Any] = {}
    async with served.client("") as client:
        await log_in(client, "warm", "up up up up up")
        for _ in range(5):
            for login, times in took.items():
                began = time.perf_counter()
                answer = await log_in(client, login, "wrong wrong wrong")
                times.append(time.perf_counter() - began)
                assert answer.status_code == 401
                bodies[login] = {k: v for k, v in answer.json().items() if k != "correlationId"}
    assert bodies["admin"] == bodies["nobody"]
    assert bodies["admin"]["code"] == "wrongLogin"
    ratio = statistics.median(took["nobody"]) / statistics.median(took["admin"])
    assert ratio > 0.4, took


async def test_guessing_is_stopped_per_login_with_the_time_to_wait_and_the_right_password_does_not_help(
    strict: Installation,
) -> None:
    async with strict.client("") as client:
        assert [(await log_in(client, password="wrong wrong wr")).status_code for _ in range(4)] == [401, 401, 401, 429]
        answer = await log_in(client)
        assert answer.status_code == 429
        assert answer.json()["code"] == "tooManyLogins"
        assert 800 < int(answer.headers["retry-after"]) <= 900
        await _windows_end(strict)
        assert (await log_in(client)).status_code == 201


async def test_guessing_is_stopped_per_address_over_many_logins(strict: Installation) -> None:
    async with strict.client("", address="203.0.113.9") as client:
        codes = [(await log_in(client, f"user{n}", "wrong wrong wr")).status_code for n in range(9)]
    assert codes == [401] * 8 + [429]
    async with strict.client("", address="203.0.113.10") as elsewhere:
        assert (await log_in(elsewhere)).status_code == 201


async def test_a_success_takes_the_count_back(strict: Installation) -> None:
    async with strict.client("") as client:
        for _ in range(3):
            assert (await log_in(client, password="wrong wrong wr")).status_code == 401
            assert (await log_in(client, password="wrong wrong wr")).status_code == 401
            assert (await log_in(client)).status_code == 201
            await _windows_end(strict, "address:")


async def _windows_end(at: Installation, prefix: str = "") -> None:
    async with at.database.unit_of_work() as uow:
        await uow.execute(
            "update kernel.login_failure set window_ends_at = $2 where tenant = $1 and starts_with(subject, $3)",
            at.context.tenant,
            at.database.clock.wall() - timedelta(seconds=1),
            prefix,
        )


async def test_a_session_slides_and_ends_when_idle_and_sweeping_removes_it(served: Installation) -> None:
    async with served.client("") as client:
        token = (await log_in(client)).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        await _expire(served, timedelta(minutes=5))
        assert (await client.get(SESSION, headers=headers)).status_code == 200
        async with served.database.read() as session:
            expires = await session.fetch_value(
                "select expires_at from kernel.session where tenant = $1", served.context.tenant
            )
        assert expires - served.database.clock.wall() > timedelta(hours=11)
        await _expire(served, timedelta(seconds=-1))
        served.security.authenticate.forget()
        assert (await client.get(SESSION, headers=headers)).json()["code"] == "sessionEnded"
    assert await sweep(served.database) >= 1


async def _expire(at: Installation, left: timedelta) -> None:
    async with at.database.unit_of_work() as uow:
        expires = at.database.clock.wall() + left
        await uow.execute("update kernel.session set expires_at = $2 where tenant = $1", at.context.tenant, expires)


async def test_changing_ones_password_needs_the_current_one_and_ends_the_other_sessions(served: Installation) -> None:
    path = f"{SESSION}/changePassword"
    async with served.client("") as client:
        mine, other = [{"Authorization": f"Bearer {(await log_in(client)).json()['token']}"} for _ in range(2)]
        wrong = await client.post(path, headers=mine, json={"current": "wrong wrong wr", "new": "another good one"})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "wrongPassword")
        weak = await client.post(path, headers=mine, json={"current": PASSWORD, "new": "short"})
        assert (weak.status_code, weak.json()["path"]) == (400, "$.new")
        done = await client.post(path, headers=mine, json={"current": PASSWORD, "new": "another good one"})
        assert done.status_code == 204
        assert (await client.get(SESSION, headers=mine)).status_code == 200
        assert (await client.get(SESSION, headers=other)).status_code == 401
        assert (await log_in(client)).status_code == 401
        assert (await log_in(client, password="another good one")).status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"name": "Ann"}, 400, "$.login"),
        ({"name": "Ann", "login": "ann", "password": "elevenchars"}, 400, "$.password"),
        ({"name": "Ann", "login": "ann", "password": "a" * 12}, 400, "$.password"),
        ({"name": "Ann", "login": "annannannann", "password": "ANNANNANNANN"}, 400, "$.password"),
        ({"name": "Ann", "login": "a b"}, 400, "$.login"),
        ({"name": "", "login": "ann"}, 400, "$.name"),
        ({"name": "Ann", "login": "ann", "roles": ["nothing"]}, 422, "$.roles[0]"),
        ({"name": "Ann", "login": "ann", "power": 1}, 400, "$.power"),
        ({"name": "Ann", "login": "admin"}, 409, "$.login"),
        ({"name": "Ann\x00", "login": "ann"}, 400, "$.name"),
    ],
)
async def test_a_wrong_new_principal_is_refused_and_changes_nothing(
    served: Installation, body: dict[str, Any], status: int, path: str
) -> None:
    async with served.client() as client:
        before = (await client.get(PRINCIPAL)).json()
        answer = await client.post(PRINCIPAL, json=body)
        assert (answer.status_code, answer.json()["path"]) == (status, path), answer.json()
        assert (await client.get(PRINCIPAL)).json() == before


async def test_nobody_hands_on_more_than_they_hold(served: Installation) -> None:
    limited = await served.make_key(["security:*", "usage:*"])
    async with served.client() as admin:
        everybody = (await admin.get(PRINCIPAL)).json()
    administrator = next(row["id"] for row in everybody if row.get("login") == "admin")
    async with served.client(limited.key) as client:
        for method, path, body in (
            ("POST", "/trunkline/v1/key", {"name": "k", "roles": ["administrator"]}),
            ("POST", "/trunkline/v1/key", {"name": "k", "principalId": administrator}),
            ("POST", PRINCIPAL, {"name": "n", "login": "n", "roles": ["billing"]}),
            ("PATCH", f"{PRINCIPAL}/{administrator}", {"password": "taken over now"}),
            ("PATCH", f"{PRINCIPAL}/{administrator}", {"state": "disabled"}),
            ("PATCH", f"{PRINCIPAL}/{limited.principal_id}", {"roles": ["administrator"]}),
            ("POST", "/trunkline/v1/role", {"name": "all", "permissions": ["usage:read", "*"]}),
            ("POST", "/trunkline/v1/role", {"name": "all", "permissions": ["*:read"]}),
        ):
            answer = await client.request(method, path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "morePowerful"), (method, path, body)
        fine = await client.post("/trunkline/v1/role", json={"name": "usage_reader", "permissions": ["usage:read"]})
        assert fine.status_code == 201
        assert (
            await client.post("/trunkline/v1/key", json={"name": "k", "roles": ["usage_reader"]})
        ).status_code == 201
    async with served.client() as admin:
        assert (await admin.delete("/trunkline/v1/role/usage_reader")).json()["code"] == "roleInUse"
        assert (await admin.delete("/trunkline/v1/role/auditor")).json()["code"] == "builtInRole"

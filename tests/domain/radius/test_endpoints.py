"""What FreeRADIUS is answered: who may in, with what; records are answered once they are stored."""

from typing import Any

import pytest

from tests.domain.radius.conftest import request
from tests.support.installation import Installation
from trunkline.oss.activation import aaa

INTERIM = {
    "Acct_Status_Type": "Interim-Update",
    "User_Name": "alice",
    "NAS_Identifier": "bng",
    "Acct_Session_Id": "A1",
    "Acct_Session_Time": 300,
    "Acct_Output_Octets": 1_000,
    "Event_Timestamp": "Nov 23 2026 04:42:16 UTC",
}


async def test_a_subscriber_is_let_in_with_what_his_access_server_understands(served: Installation) -> None:
    async with served.client() as client:
        answer = await client.post("/radius/authorize", json=request(User_Name="alice", NAS_Identifier="bng"))
        other = await client.post("/radius/authorize", json=request(User_Name="alice", NAS_Identifier="other"))
    assert answer.status_code == 200
    assert answer.json() == {
        "control:Cleartext-Password": {"op": ":=", "value": ["s3cret wörd"], "do_xlat": False},
        "reply:Mikrotik-Rate-Limit": {"op": ":=", "value": ["250000k/500000k"], "do_xlat": False},
        "reply:Framed-IP-Address": {"op": ":=", "value": ["100.64.1.10"], "do_xlat": False},
        "reply:Session-Timeout": {"op": ":=", "value": ["3600"], "do_xlat": False},
    }
    assert other.json()["reply:WISPr-Bandwidth-Max-Down"] == {"op": ":=", "value": ["500000000"], "do_xlat": False}


async def test_unknown_404_and_suspended_403(served: Installation) -> None:
    async with served.client() as client:
        assert (await client.post("/radius/authorize", json=request(User_Name="nobody"))).status_code == 404
        assert (await client.post("/radius/authorize", json=request(NAS_Identifier="bng"))).status_code == 404
        async with served.database.unit_of_work() as uow:
            await aaa.set_state(uow, "alice", aaa.SubscriberState.SUSPENDED, served.context)
        suspended = await client.post("/radius/authorize", json=request(User_Name="alice"))
    assert (suspended.status_code, suspended.json()["code"]) == (403, "subscriberSuspended")


async def test_a_record_is_stored_before_it_is_answered_and_once(served: Installation) -> None:
    async with served.client() as client:
        for _ in range(2):
            assert (await client.post("/radius/accounting", json=request(**INTERIM))).status_code == 204
        async with served.database.read() as session:
            rows = await session.fetch("select id, outcome, quantity, source_ref from usage.raw_record")
            announced = await session.fetch_value(
                "select count(*) from kernel.outbox where type = 'UsageSessionStarted'"
            )
        assert [(r["outcome"], r["quantity"], r["source_ref"]) for r in rows] == [("suspended", 1_000, "bng")]
        assert announced == 1
        raw = await client.get(f"/trunkline/v1/usage/{rows[0]['id']}/rawRecord")
    assert raw.json()["body"]["Acct-Session-Time"] == 300


async def test_what_cannot_be_counted_is_answered_too_so_that_it_does_not_come_again(served: Installation) -> None:
    async with served.client() as client:
        bad = request(**{**INTERIM, "Acct_Output_Octets": "many"})
        assert (await client.post("/radius/accounting", json=bad)).status_code == 204
        held = (await client.get("/trunkline/v1/usageSuspense")).json()
    assert [(h["outcome"], h["reason"], h["records"]) for h in held] == [("rejected", "invalid-number", 1)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 400),
        ({"User-Name": "alice"}, 400),
        ({"User-Name": {"value": [{}]}}, 400),
        ({f"A-{n}": {"value": ["x"]} for n in range(300)}, 400),
        ({"User-Name": {"value": ["x" * 70_000]}}, 413),
    ],
)
@pytest.mark.parametrize("path", ["/radius/authorize", "/radius/accounting"])
async def test_what_is_no_request_is_refused_and_stores_nothing(
    served: Installation, path: str, body: Any, status: int
) -> None:
    async with served.client() as client:
        assert (await client.post(path, json=body)).status_code == status
    async with served.database.read() as session:
        assert await session.fetch_value("select count(*) from usage.raw_record") == 0


async def test_each_endpoint_needs_its_permission(served: Installation) -> None:
    key = await served.make_key(["radius:accounting"])
    async with served.client(key.key) as client:
        assert (await client.post("/radius/accounting", json=request(**INTERIM))).status_code == 204
        assert (await client.post("/radius/authorize", json=request(User_Name="alice"))).status_code == 403
        assert (await client.get("/trunkline/v1/usageSuspense")).status_code == 403
    async with served.client("") as client:
        assert (await client.post("/radius/accounting", json=request(**INTERIM))).status_code == 401

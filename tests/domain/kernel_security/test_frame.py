"""The web frame end to end: errors in one shape, correlation, limits, a router that knows its methods, telemetry."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import structlog

from tests.support.installation import Installation, assert_denied, installation
from trunkline.app.migrate import heads
from trunkline.kernel.errors import Invalid
from trunkline.kernel.telemetry.api import endpoints as telemetry_endpoints
from trunkline.kernel.telemetry.logs import configure_logging
from trunkline.kernel.telemetry.metrics import Metrics
from trunkline.kernel.telemetry.observer import Telemetry
from trunkline.kernel.web import Call, Endpoint, Reply


class Thing(msgspec.Struct):
    name: str


async def create(call: Call) -> Reply:
    return Reply(201, {"name": call.body(Thing).name, "reason": call.context.reason, "query": list(call.query.pairs)})


async def read(call: Call) -> Reply:
    failures: dict[str, Exception] = {
        "broken": RuntimeError("the secret is tk_0192f3aa-0000-7000-8000-000000000000_hush"),
        "busy": asyncpg.SerializationError("x"),
        "deadlock": asyncpg.DeadlockDetectedError("x"),
        "locked": asyncpg.LockNotAvailableError("x"),
        "value": asyncpg.NumericValueOutOfRangeError("x"),
        "many": Invalid.all_of([Invalid("a", "A.", path="$.a"), Invalid("b", "B.", path="$.b", allowed=("c",))]),
    }
    if call.path["id"] in failures:
        raise failures[call.path["id"]]
    return Reply(200, {"id": call.path["id"]})


ENDPOINTS = [
    Endpoint("POST", "/thing", "thing:create", create, "Make a thing", Thing, size_max=1000),
    Endpoint("GET", "/thing/{id}", "thing:read", read, "Read a thing"),
    Endpoint("DELETE", "/thing/{id}", "thing:delete", read, "Delete a thing"),
    Endpoint("GET", "/thing/special", "thing:read", create, "A fixed path beside a placeholder"),
]


@pytest.fixture
async def at(database_dsn: str) -> AsyncIterator[Installation]:
    metrics = Metrics()
    endpoints = [*ENDPOINTS, *telemetry_endpoints(metrics, migration_head=heads()[0])]
    async with installation(database_dsn, endpoints, observer=Telemetry(metrics)) as found:
        yield found


@pytest.fixture
async def client(at: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with at.client() as found:
        yield found


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = configure_logging("json", "INFO", stream=stream)
    yield stream
    logging.getLogger().removeHandler(handler)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "unknownPath"),
        ("GET", "/thing/x/y", 404, "unknownPath"),
        ("GET", "/thing/", 404, "unknownPath"),
        ("PATCH", "/thing/x", 405, "methodNotAllowed"),
        ("GET", "/thing", 405, "methodNotAllowed"),
        ("GET", "/thing/%00", 400, "invalidText"),
        ("GET", "/thing/%FF", 400, "invalidText"),
        ("GET", "/thing/broken", 500, "internalError"),
        ("GET", "/thing/busy", 503, "busy"),
        ("GET", "/thing/deadlock", 503, "busy"),
        ("GET", "/thing/locked", 503, "busy"),
        ("GET", "/thing/value", 400, "invalidValue"),
        ("POST", "/thing", 400, "malformedJson"),
    ],
)
async def test_every_error_has_the_one_shape(
    client: httpx.AsyncClient, lines: io.StringIO, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path, headers={"X-Correlation-Id": "corr-1"})
    body = answer.json()
    assert (answer.status_code, body["code"], body["status"], body["@type"]) == (status, code, str(status), "Error")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-correlation-id"] == body["correlationId"] == "corr-1"
    assert None not in body.values()
    assert ("retry-after" in answer.headers) == (status == 503)
    if status == 405:
        assert answer.headers["allow"] == ", ".join(body["allowed"])


async def test_a_405_names_all_methods_of_the_path(client: httpx.AsyncClient) -> None:
    assert (await client.put("/thing/x")).json()["allowed"] == ["DELETE", "GET", "HEAD"]


async def test_an_unexpected_error_is_logged_with_its_traceback_and_context_and_says_nothing_outside(
    at: Installation, client: httpx.AsyncClient, lines: io.StringIO
) -> None:
    answer = await client.get("/thing/broken", headers={"X-Correlation-Id": "corr-2"})
    assert "secret" not in answer.text
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    line = next(line for line in logged if line["event"] == "unexpected error")
    assert (line["correlation_id"], line["tenant"]) == ("corr-2", at.context.tenant)
    assert "RuntimeError: the secret" in line["exception"]
    assert "hush" not in lines.getvalue()


async def test_all_field_errors_are_listed(client: httpx.AsyncClient) -> None:
    body = (await client.get("/thing/many")).json()
    assert body["path"] == "$.a"
    assert body["problems"] == [
        {"code": "a", "reason": "A.", "path": "$.a"},
        {"code": "b", "reason": "B.", "path": "$.b", "allowed": ["c"]},
    ]


@pytest.mark.parametrize(
    ("content", "headers", "status", "path"),
    [
        (b'{"name":1}', {}, 400, "$.name"),
        (b'{"name":"a\\u0000b"}', {}, 400, "$.name"),
        (b'{"name":"' + b"x" * 1000 + b'"}', {}, 413, "$"),
        (b'{"name":"x"}', {"Content-Type": "text/plain"}, 415, "Content-Type"),
        (b'{"name":"x"}', {"X-Reason": "y" * 501}, 400, "X-Reason"),
    ],
)
async def test_a_wrong_body_is_refused(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, path: str | None
) -> None:
    answer = await client.post("/thing", content=content, headers={"Content-Type": "application/json", **headers})
    assert (answer.status_code, answer.json().get("path")) == (status, path)


async def test_a_body_sent_in_pieces_is_stopped_at_the_limit(at: Installation, client: httpx.AsyncClient) -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 100
            yield b"x" * 100

    answer = await client.post("/thing", content=pieces())
    assert answer.status_code == 413
    assert sent < 3000, "the rest was not read"


async def test_reason_correlation_and_query_reach_the_handler(client: httpx.AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Reason": "Küche".encode(), "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = await client.post("/thing?b=1&a=%C3%A9&b=2", json={"name": "x"}, headers=headers)  # type: ignore[arg-type]
    assert answer.json() == {"name": "x", "reason": "Küche", "query": [["b", "1"], ["a", "é"], ["b", "2"]]}
    assert answer.headers["x-correlation-id"] == trace
    odd = await client.get("/thing/1", headers={"X-Correlation-Id": "no spaces\t"})
    assert len(odd.headers["x-correlation-id"]) == 36


async def test_ids_may_hold_an_encoded_slash_and_a_fixed_path_wins(client: httpx.AsyncClient) -> None:
    assert (await client.get("/thing/a%2Fb%20c")).json() == {"id": "a/b c"}
    assert (await client.get("/thing/special")).status_code == 400  # `create` without a body


async def test_denied(at: Installation) -> None:
    await assert_denied(at, "GET", "/thing/x")
    await assert_denied(at, "POST", "/thing", json={"name": "x"})
    await assert_denied(at, "GET", "/metrics")


async def test_metrics_count_by_template_and_show_the_backlogs(at: Installation, client: httpx.AsyncClient) -> None:
    for n in range(3):
        await client.get(f"/thing/{n}")
    await client.get("/thing/busy")
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    counted: dict[str, Any] = {k: float(v) for k, v in found.items()}
    assert counted['trunkline_http_requests_total{method="GET",route="/thing/{id}",status="200"}'] == 3
    assert counted['trunkline_http_requests_total{method="GET",route="/thing/{id}",status="503"}'] == 1
    assert counted['trunkline_http_request_seconds_count{method="GET",route="/thing/{id}"}'] == 4
    assert counted['trunkline_backlog{queue="audit_unsealed"}'] > 0
    assert counted['trunkline_database_connections{state="busy"}'] >= 0


async def test_health_needs_no_principal_and_readiness_sees_a_schema_that_is_behind(
    at: Installation, database_dsn: str
) -> None:
    async with at.client("") as anybody:
        assert (await anybody.get("/health/live")).json() == {"status": "pass"}
        ready = await anybody.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "pass")
    ahead = telemetry_endpoints(Metrics(), migration_head="9999")
    async with installation(database_dsn, ahead) as newer, newer.client("") as anybody:
        ready = await anybody.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"]["migration"]["status"] == "fail"
    await newer.database.close()
    gone = await newer.client("").get("/health/ready")
    assert (gone.status_code, gone.json()["checks"]["database"]["status"]) == (503, "fail")

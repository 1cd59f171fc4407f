"""Traces: nothing without an endpoint; with one, spans arrive at a real OTLP receiver with the correlation id."""

import importlib.util
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from trunkline.kernel.context import Context
from trunkline.kernel.telemetry.metrics import Metrics
from trunkline.kernel.telemetry.observer import Telemetry
from trunkline.kernel.telemetry.traces import ENDPOINT_VARIABLE, NoTraces, OtelTraces, open_traces
from trunkline.kernel.web import Call, Endpoint, Measured, Reply

CONTEXT = Context(
    tenant="one", actor="ann", channel="api", now=datetime(2026, 6, 1, tzinfo=UTC), correlation_id="corr-42"
)


async def nothing(_call: Call) -> Reply:
    return Reply(204)


ENDPOINT = Endpoint("GET", "/thing/{id}", "thing:read", nothing, "Nothing")


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    received: list[tuple[str, bytes]] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", received
    server.shutdown()
    server.server_close()


def test_without_an_endpoint_nothing_is_traced() -> None:
    assert isinstance(open_traces({}, "trunkline-serve"), NoTraces)


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with caplog.at_level(logging.WARNING):
        assert isinstance(open_traces({ENDPOINT_VARIABLE: "http://127.0.0.1:9"}, "trunkline-serve"), NoTraces)
    assert "trunkline[telemetry]" in caplog.text


def test_spans_of_requests_and_work_arrive_with_the_correlation_id(
    receiver: tuple[str, list[tuple[str, bytes]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("opentelemetry") is None:
        pytest.skip("the extra `telemetry` is not installed")
    url, received = receiver
    monkeypatch.setenv(ENDPOINT_VARIABLE, url)
    traces = open_traces({ENDPOINT_VARIABLE: url}, "trunkline-serve")
    assert isinstance(traces, OtelTraces)
    telemetry = Telemetry(Metrics(), traces)
    with telemetry.request(ENDPOINT, CONTEXT):
        pass
    with telemetry.work("flows.usage_to_bill.rate", CONTEXT):
        pass
    traces.close()
    assert {path for path, _ in received} == {"/v1/traces"}
    sent = b"".join(body for _, body in received)
    for text in (b"GET /thing/{id}", b"flows.usage_to_bill.rate", b"trunkline-serve", b"corr-42", b"trunkline.tenant"):
        assert text in sent


def test_a_slow_or_failed_request_leaves_a_line(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = Telemetry(Metrics())
    with caplog.at_level(logging.INFO):
        telemetry.measured(Measured(method="GET", template="/fast", status=200, seconds=0.001))
        telemetry.measured(Measured(method="GET", template="/slow", status=200, seconds=1.5))
        telemetry.measured(Measured(method="GET", template="/broken", status=500, seconds=0.001))
    assert [record.getMessage() for record in caplog.records] == [
        "GET /slow answered 200 in 1500.0 ms",
        "GET /broken answered 500 in 1.0 ms",
    ]

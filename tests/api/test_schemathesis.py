"""Made-up requests against the served API, from its own OpenAPI document: whatever is sent, nothing breaks.

The server is the real one, behind a socket; the requests are seeded, so that a failure comes again.
"""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck
from schemathesis import GenerationMode

from tests.support.installation import installation
from trunkline.app.http import Server
from trunkline.app.settings import Settings

ANSWERED = frozenset({501, 503})
"""Of the 5xx, these two are answers: not offered, and try again."""


class Target:
    """A served installation: where it is, its document, and a session that holds the administrator's key."""

    def __init__(self, base_url: str, session: requests.Session) -> None:
        self._base_url = base_url
        self._session = session
        self._schema: Any = schemathesis.openapi.from_dict(session.get(f"{base_url}/openapi.json", timeout=30).json())
        self._made: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()

    def operations(self) -> list[Any]:
        """What the document names."""
        return [found.ok() for found in self._schema.get_all_operations()]

    def broken(self, operation: Any, mode: GenerationMode, examples: int) -> list[str]:
        """Send made-up requests to the operation; what broke."""
        found: list[str] = []

        @hypothesis.seed(20260601)
        @hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            found.extend(self._send(case))

        with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # without parameters nothing wrong can be sent
            send()
        return found

    def _send(self, case: Any) -> list[str]:
        place = case.path.removesuffix("/{id}")
        if case.method.upper() in ("PATCH", "DELETE") and place in self._made:
            case.path_parameters = {"id": self._made[place]}  # a record that is there, so that the body is looked at
        answer = case.call(base_url=self._base_url, session=self._session, timeout=30)
        self.statuses[answer.status_code] += 1
        if answer.status_code == 201 and case.path == place and isinstance(answer.json().get("id"), str):
            self._made[place] = answer.json()["id"]
        if answer.status_code >= 500 and answer.status_code not in ANSWERED:
            return [f"{answer.status_code} {case.as_curl_command()} {answer.text}"]
        if answer.status_code < 400:
            return []
        body = answer.json()
        if body["@type"] == "Error" and body["status"] == str(answer.status_code) and body["code"] and body["reason"]:
            return []
        return [f"not an error as TMF630 has it: {case.as_curl_command()} {answer.text}"]


async def _make_key(dsn: str) -> str:
    async with installation(dsn) as at:
        return at.key


@pytest.fixture(scope="module")
def target(database_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    key = asyncio.run(_make_key(database_dsn))
    app = Server(Settings(home=tmp_path_factory.mktemp("home")), database_dsn)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        end = time.monotonic() + 60
        while not server.started and thread.is_alive() and time.monotonic() < end:
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {key}"
            yield Target(f"http://127.0.0.1:{port}", session)
    finally:
        server.should_exit = True
        thread.join(30)


def broken(target: Target, operations: list[Any], mode: GenerationMode, examples: int) -> list[str]:
    return [text for operation in operations for text in target.broken(operation, mode, examples)]


def test_nothing_breaks_in_every_seventh_operation(target: Target) -> None:
    """Seven is prime to the numbers of operations that resources and hubs have, so that all kinds have their turn.

    What is wrong by the document costs seconds to make up for a large entity, so it is sent to fewer.
    """
    operations = target.operations()[::7]
    found = broken(target, operations, GenerationMode.POSITIVE, 4)
    found += broken(target, operations[::5], GenerationMode.NEGATIVE, 3)
    assert not found, "\n\n".join(found[:10])
    assert {"get", "post", "patch", "delete"} <= {operation.method for operation in operations}
    assert target.statuses[200] > 10
    assert target.statuses[400] > 10


@pytest.mark.long
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_nothing_breaks_whatever_is_sent(target: Target, mode: GenerationMode) -> None:
    found = broken(target, target.operations(), mode, 12)
    assert not found, "\n\n".join(found[:20])
    assert target.statuses[400] > 100

"""Made-up requests against the served API, from its own OpenAPI document: whatever is sent, nothing breaks.

The server is the real one, behind a socket; the requests are seeded, so that a failure comes again. An API is a test, so
that the whole can be divided.
"""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import hypothesis
import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck
from schemathesis import GenerationMode

from tests.api.conftest import api_of, each_api
from tests.support.installation import installation
from trunkline.app.http import HttpServer, Server
from trunkline.app.settings import Settings

ANSWERED = frozenset({501, 503})
"""Of the 5xx, these two are answers: not offered, and try again."""


EXAMPLES = 12
ITEMS_MAX = 2
LENGTH_MAX = 60


class Target:
    """A served installation: where it is, its document, and a session that holds the administrator's key."""

    def __init__(self, base_url: str, session: requests.Session) -> None:
        self._base_url = base_url
        self._session = session
        document = session.get(f"{base_url}/openapi.json", timeout=30).json()
        _shorten(document)
        plain = {"allow-x00": False, "with-security-parameters": False}
        config = schemathesis.config.SchemathesisConfig.from_dict({"generation": plain})
        self._schema: Any = schemathesis.openapi.from_dict(document, config=config)
        self._made: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()

    def operations(self, api: str | None = None) -> list[Any]:
        """What the document names, of one API where one is given."""
        operations = [found.ok() for found in self._schema.get_all_operations()]
        return [operation for operation in operations if api is None or api_of(operation.path) == api]

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
        noun = _noun(case.path)
        if noun in self._made:
            case.path_parameters = {**case.path_parameters, "id": self._made[noun]}  # so that the rest is looked at
        answer = case.call(base_url=self._base_url, session=self._session, timeout=30)
        self.statuses[answer.status_code] += 1
        if answer.status_code in (201, 202) and (place := answer.headers.get("Location")):
            *_, made, id_ = place.split("/")
            self._made[made] = unquote(id_)
        if answer.status_code >= 500 and answer.status_code not in ANSWERED:
            return [f"{answer.status_code} {case.as_curl_command()} {answer.text}"]
        if answer.status_code < 400:
            return []
        body = answer.json()
        if body["@type"] == "Error" and body["status"] == str(answer.status_code) and body["code"] and body["reason"]:
            return []
        return [f"not an error as TMF630 has it: {case.as_curl_command()} {answer.text}"]


def _noun(path: str) -> str | None:
    """What the `{id}` of a path is the id of."""
    before, found, _ = path.partition("/{id}")
    return before.rpartition("/")[2] if found else None


def _shorten(schema: Any) -> None:
    """Let arrays and texts be short: a document that nests arrays of many items takes seconds to make up, and says no
    more. Long texts and deep nesting have tests of their own."""
    if isinstance(schema, dict):
        if schema.get("type") == "array":
            schema.setdefault("maxItems", ITEMS_MAX)
        if schema.get("type") == "string" and not {"enum", "format"} & schema.keys():
            schema.setdefault("maxLength", LENGTH_MAX)
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _shorten(inner)


async def _make_key(dsn: str) -> str:
    async with installation(dsn) as at:
        return at.key


@pytest.fixture(scope="module")
def target(database_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    key = asyncio.run(_make_key(database_dsn))
    app = Server(Settings(home=tmp_path_factory.mktemp("home")), database_dsn)
    server = HttpServer(uvicorn.Config(app, port=0, log_level="warning", lifespan="on"), app)
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


def test_nothing_breaks_in_some_operations(target: Target) -> None:
    """The stride is prime to the numbers of operations that resources and hubs have, so that all kinds have their turn."""
    operations = target.operations()[::29]
    found = broken(target, operations, GenerationMode.POSITIVE, 4)
    found += broken(target, operations[::3], GenerationMode.NEGATIVE, 3)
    assert not found, "\n\n".join(found[:10])
    assert {"get", "post", "patch", "delete"} <= {operation.method for operation in operations}
    assert target.statuses[200] > 10
    assert target.statuses[400] > 10


@pytest.mark.long
@pytest.mark.parametrize("api", [pytest.param(*each.values, id=each.id) for each in each_api(1)])
def test_nothing_breaks_whatever_is_sent(target: Target, api: str) -> None:
    """Every operation of one API: first what its document allows, then what it does not."""
    operations = target.operations(api)
    assert operations
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        found = broken(target, operations, mode, EXAMPLES)
        assert not found, "\n\n".join(found[:20])

"""The whole API of an installation, as `trunkline serve` puts it together, on a database of its own."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.installation import Installation, installation
from trunkline.app import wiring
from trunkline.app.revision import newest_revision
from trunkline.app.settings import Settings
from trunkline.kernel.clock import Clock
from trunkline.kernel.db import Database
from trunkline.kernel.idempotency.edge import with_idempotency
from trunkline.kernel.security.api import Security
from trunkline.kernel.security.contracts import SecuritySettings
from trunkline.kernel.telemetry.api import endpoints as telemetry_endpoints
from trunkline.kernel.telemetry.metrics import Metrics
from trunkline.kernel.web import Endpoint, Frame, Router

Serve = Callable[[], AbstractAsyncContextManager[Installation]]


def all_endpoints(home: Path, security: Security) -> list[Endpoint]:
    """What the server serves."""
    telemetry = telemetry_endpoints(Metrics(), migration_head=newest_revision())
    return wiring.endpoints(Settings(home=home), security, telemetry)


@asynccontextmanager
async def served(dsn: str, home: Path) -> AsyncIterator[Installation]:
    async with installation(dsn) as at:
        frame = Frame(database=at.database, authenticate=at.security.authenticate, run=with_idempotency)
        at.router = Router(all_endpoints(home, at.security), frame)
        yield at


@pytest.fixture
def serve(database_dsn: str, tmp_path: Path) -> Serve:
    """Opens an installation with a fresh tenant; several share the database and cannot see each other."""
    return lambda: served(database_dsn, tmp_path)


@pytest.fixture
async def at(serve: Serve) -> AsyncIterator[Installation]:
    """An installation with a fresh tenant and the whole API."""
    async with serve() as opened:
        yield opened


def listed_endpoints() -> list[Endpoint]:
    """What the server serves, for parameters of tests: nothing is called, so no database is behind it."""
    unconnected = Database(cast(Any, None), Clock(), "")
    security = Security(unconnected, SecuritySettings())
    with tempfile.TemporaryDirectory() as home:
        found = all_endpoints(Path(home), security)
    security.passwords.close()
    return found


def api_of(path: str) -> str:
    """The root of the API that a path belongs to: "/tmf-api/productInventory/v5", "/trunkline/v1"; "/" for the rest."""
    parts = path.split("/")
    if parts[1] == "tmf-api":
        return "/".join(parts[:4])
    return "/".join(parts[:3]) if len(parts) > 3 else "/"


def each_api(every: int) -> list[Any]:
    """Parameters of tests: the root of each API. `make test` takes our own and every so manieth of the TM Forum's, the
    long tests take the rest."""
    roots = sorted({api_of(endpoint.path) for endpoint in listed_endpoints()})
    standard = [root for root in roots if root.startswith("/tmf-api")]
    later = {*standard} - {*standard[::every]}
    return [
        pytest.param(root, id=root.strip("/") or "others", marks=[pytest.mark.long] if root in later else [])
        for root in roots
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`closed` in a test's arguments: the endpoints that need a principal, API by API. A new one is there by itself."""
    if "closed" in metafunc.fixturenames:
        groups: dict[str, list[Endpoint]] = {}
        for endpoint in listed_endpoints():
            if not endpoint.public:
                groups.setdefault("/".join(endpoint.path.split("/")[:4]), []).append(endpoint)
        metafunc.parametrize("closed", list(groups.values()), ids=list(groups))

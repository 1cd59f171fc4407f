"""A served installation inside a test: real database, real security, the real web frame; only the socket is left out."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import msgspec

from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.ids import new_id
from trunkline.kernel.security.api import Security
from trunkline.kernel.security.bootstrap import bootstrap
from trunkline.kernel.security.contracts import CreatedKey, NewKey, NewRole, SecuritySettings
from trunkline.kernel.security.facade import create_key, create_role
from trunkline.kernel.web import Endpoint, Frame, Observer, Router

PASSWORD = "four words put together"


class Installation:
    """One tenant with its administrator (login "admin", password `PASSWORD`) and an API in front of it."""

    def __init__(self, database: Database, security: Security, router: Router, context: Context, key: str) -> None:
        self.database = database
        self.security = security
        self.router = router
        self.context = context
        self.key = key

    def client(self, key: str | None = None, address: str = "127.0.0.1") -> httpx.AsyncClient:
        """A client with a key; "" for none, the administrator's when not given."""
        used = self.key if key is None else key
        headers = {"Authorization": f"Bearer {used}"} if used else {}
        transport = httpx.ASGITransport(self.router, raise_app_exceptions=False, client=(address, 40000))
        return httpx.AsyncClient(transport=transport, base_url="http://trunkline", headers=headers)

    async def make_key(self, permissions: Sequence[str] = (), name: str = "a key") -> CreatedKey:
        """A key with just these permissions, through a role made for it."""
        async with self.database.unit_of_work() as uow:
            roles = []
            if permissions:
                roles = ["r" + new_id().replace("-", "")]
                await create_role(uow, NewRole(name=roles[0], permissions=list(permissions)), self.context)
            return await create_key(uow, NewKey(name=name, roles=roles), self.context)


@contextlib.asynccontextmanager
async def installation(
    dsn: str,
    endpoints: Sequence[Endpoint] = (),
    *,
    settings: SecuritySettings | None = None,
    observer: Observer | None = None,
) -> AsyncIterator[Installation]:
    """An installation with a fresh tenant, serving security's endpoints and the given ones."""
    database = await Database.connect(dsn, clock=Clock())
    tenant = new_id()
    security = Security(database, msgspec.structs.replace(settings or SecuritySettings(), tenant=tenant))
    context = Context(
        tenant=tenant,
        actor="test",
        channel="cli",
        now=database.clock.now(),
        correlation_id=new_id(),
        permissions=frozenset({"*"}),
    )
    async with database.unit_of_work() as uow:
        made = await bootstrap(
            uow, security.passwords, context, tenant_name="Test", login="admin", password=PASSWORD, key_name="first"
        )
    assert made.key is not None
    await security.start()
    frame = Frame(database=database, authenticate=security.authenticate, observer=observer)
    router = Router([*security.endpoints(), *endpoints], frame)
    try:
        yield Installation(database, security, router, context, made.key.key)
    finally:
        await security.close()
        await database.close()


async def assert_denied(at: Installation, method: str, path: str, **request: Any) -> None:
    """The operation is refused without credentials (401), with wrong ones (401), and to a principal that holds no
    permission (403); and refusals look like every error."""
    for key, status, codes in (
        ("", 401, {"notAuthenticated"}),
        ("tk_0192f3aa-0000-7000-8000-000000000000_no", 401, {"invalidCredentials"}),
        ((await at.make_key()).key, 403, {"notPermitted"}),
    ):
        async with at.client(key) as client:
            answer = await client.request(method, path, **request)
        body = answer.json()
        assert (answer.status_code, body["status"], body["@type"]) == (status, str(status), "Error"), body
        assert body["code"] in codes
        assert ("www-authenticate" in answer.headers) == (status == 401)

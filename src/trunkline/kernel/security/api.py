"""Endpoints of security: sessions, principals, roles, keys."""

from typing import TYPE_CHECKING

import msgspec

from trunkline.kernel.db import Database
from trunkline.kernel.errors import Unauthenticated
from trunkline.kernel.security import facade, sign_in
from trunkline.kernel.security.authenticator import Authenticator
from trunkline.kernel.security.contracts import (
    CreatedKey,
    KeyView,
    NewKey,
    NewPrincipal,
    NewRole,
    OidcIssuer,
    PasswordChange,
    PrincipalChange,
    PrincipalView,
    RoleView,
    SecuritySettings,
    SessionView,
    SignIn,
)
from trunkline.kernel.security.passwords import Passwords
from trunkline.kernel.web import Call, Endpoint, Parameter, Principal, Reply

if TYPE_CHECKING:
    from trunkline.kernel.security.oidc import OidcVerifier

BASE = "/trunkline/v1"
_TAGS = ("security",)
_PAGE = (Parameter("after", "Id of the last one before"), Parameter("limit", "At most so many", "integer"))


class Security:
    """The security parts of one process: made by the composition root, started and closed with the server.

    What an endpoint revokes is forgotten by its own process before it answers; the others hear the notification.
    """

    def __init__(self, database: Database, settings: SecuritySettings) -> None:
        self.settings = settings
        self.passwords = Passwords()
        self.authenticate = Authenticator(database, settings, _verifier(settings.issuers) if settings.issuers else None)

    async def start(self) -> None:
        """Begin to hear of revocations."""
        await self.authenticate.start()

    async def close(self) -> None:
        """Stop listening, end the threads."""
        await self.authenticate.close()
        self.passwords.close()

    def endpoints(self) -> list[Endpoint]:
        """All endpoints of security."""
        return [*_session_endpoints(self), *_principal_endpoints(self), *_role_endpoints(self), *_key_endpoints(self)]


def _session_endpoints(security: Security) -> list[Endpoint]:
    limits = security.settings.limits

    async def log_in(call: Call) -> Reply:
        request = call.body(SignIn)
        context = msgspec.structs.replace(call.context, tenant=request.tenant or security.settings.tenant)
        opened = await sign_in.sign_in(
            call.database, security.passwords, limits, request, peer=call.peer, context=context
        )
        return Reply(201, opened, headers={"Cache-Control": "no-store"})

    async def who_am_i(call: Call) -> Reply:
        view = SessionView(
            tenant=call.context.tenant,
            principal_id=call.context.actor,
            name=await _own_name(call),
            permissions=sorted(call.context.permissions),
        )
        return Reply(200, view)

    async def log_out(call: Call) -> Reply:
        await sign_in.sign_out(call.database, _principal(call).session, call.context)
        security.authenticate.forget()
        return Reply(204)

    async def change_password(call: Call) -> Reply:
        request = call.body(PasswordChange)
        await sign_in.change_password(
            call.database, call.unit_of_work, security.passwords, limits, request, _principal(call), call.context
        )
        security.authenticate.forget()
        return Reply(204)

    path, own = f"{BASE}/session", f"{BASE}/session/changePassword"
    return [
        Endpoint(
            "POST",
            path,
            "",
            log_in,
            "Log in with a local account",
            SignIn,
            SessionView,
            _TAGS,
            public=True,
            secret=True,
        ),
        Endpoint("GET", path, "", who_am_i, "Who one is and what one may do", response=SessionView, tags=_TAGS),
        Endpoint("DELETE", path, "", log_out, "Log out", tags=_TAGS),
        Endpoint(
            "POST", own, "", change_password, "Change one's own password", PasswordChange, tags=_TAGS, secret=True
        ),
    ]


def _principal_endpoints(security: Security) -> list[Endpoint]:
    async def create(call: Call) -> Reply:
        request = call.body(NewPrincipal)
        async with call.unit_of_work() as uow:
            created = await facade.create_user(uow, security.passwords, request, call.context)
        return Reply(201, created, headers={"Location": f"{BASE}/principal/{created.id}"})

    async def change(call: Call) -> Reply:
        request = call.body(PrincipalChange)
        async with call.unit_of_work() as uow:
            changed = await facade.change_principal(uow, security.passwords, call.path["id"], request, call.context)
        security.authenticate.forget()
        return Reply(200, changed)

    async def read(call: Call) -> Reply:
        async with call.database.read() as session:
            return Reply(200, await facade.get_principal(session, call.path["id"], call.context))

    async def list_(call: Call) -> Reply:
        after, limit = _page(call)
        async with call.database.read() as session:
            return Reply(200, await facade.list_principals(session, call.context, after, limit))

    many, one = f"{BASE}/principal", f"{BASE}/principal/{{id}}"
    return [
        Endpoint("GET", many, "security:read", list_, "List people and programs", tags=_TAGS, parameters=_PAGE),
        Endpoint("POST", many, "security:create", create, "Add one", NewPrincipal, PrincipalView, _TAGS, secret=True),
        Endpoint("GET", one, "security:read", read, "Read one", response=PrincipalView, tags=_TAGS),
        Endpoint(
            "PATCH", one, "security:update", change, "Change one", PrincipalChange, PrincipalView, _TAGS, secret=True
        ),
    ]


def _role_endpoints(security: Security) -> list[Endpoint]:
    async def create(call: Call) -> Reply:
        request = call.body(NewRole)
        async with call.unit_of_work() as uow:
            created = await facade.create_role(uow, request, call.context)
        return Reply(201, created, headers={"Location": f"{BASE}/role/{created.name}"})

    async def read(call: Call) -> Reply:
        async with call.database.read() as session:
            return Reply(200, await facade.get_role(session, call.path["name"], call.context))

    async def list_(call: Call) -> Reply:
        async with call.database.read() as session:
            return Reply(200, await facade.list_roles(session, call.context))

    async def delete(call: Call) -> Reply:
        async with call.unit_of_work() as uow:
            await facade.delete_role(uow, call.path["name"], call.context)
        security.authenticate.forget()
        return Reply(204)

    many, one = f"{BASE}/role", f"{BASE}/role/{{name}}"
    return [
        Endpoint("GET", many, "security:read", list_, "List roles", tags=_TAGS),
        Endpoint("POST", many, "security:create", create, "Add a role", NewRole, RoleView, _TAGS),
        Endpoint("GET", one, "security:read", read, "Read a role", response=RoleView, tags=_TAGS),
        Endpoint("DELETE", one, "security:delete", delete, "Delete a role that nobody holds", tags=_TAGS),
    ]


def _key_endpoints(security: Security) -> list[Endpoint]:
    async def create(call: Call) -> Reply:
        request = call.body(NewKey)
        async with call.unit_of_work() as uow:
            created = await facade.create_key(uow, request, call.context)
        headers = {"Location": f"{BASE}/key/{created.id}", "Cache-Control": "no-store"}
        return Reply(201, created, headers=headers)

    async def read(call: Call) -> Reply:
        async with call.database.read() as session:
            return Reply(200, await facade.get_key(session, call.path["id"], call.context))

    async def list_(call: Call) -> Reply:
        after, limit = _page(call)
        async with call.database.read() as session:
            return Reply(200, await facade.list_keys(session, call.context, after, limit))

    async def revoke(call: Call) -> Reply:
        async with call.unit_of_work() as uow:
            await facade.revoke_key(uow, call.path["id"], call.context)
        security.authenticate.forget()
        return Reply(204)

    many, one = f"{BASE}/key", f"{BASE}/key/{{id}}"
    return [
        Endpoint("GET", many, "security:read", list_, "List API keys", tags=_TAGS, parameters=_PAGE),
        Endpoint("POST", many, "security:create", create, "Make an API key", NewKey, CreatedKey, _TAGS, secret=True),
        Endpoint("GET", one, "security:read", read, "Read about an API key", response=KeyView, tags=_TAGS),
        Endpoint("DELETE", one, "security:delete", revoke, "Revoke an API key at once", tags=_TAGS),
    ]


def _verifier(issuers: tuple[OidcIssuer, ...]) -> "OidcVerifier":
    from trunkline.kernel.security.oidc import OidcVerifier  # noqa: PLC0415  a tenth of a start, and most have none

    return OidcVerifier(issuers)


def _page(call: Call) -> tuple[str, int]:
    return call.query.get("after", ""), call.query.integer("limit", 100, 1, facade.PAGE_MAX)


def _principal(call: Call) -> Principal:
    if call.principal is None:
        raise Unauthenticated("notAuthenticated", "This needs a principal.")
    return call.principal


async def _own_name(call: Call) -> str:
    async with call.database.read() as session:
        name = await session.fetch_value(
            "select name from kernel.principal where tenant = $1 and id = $2", call.context.tenant, call.context.actor
        )
    return str(name) if name is not None else call.context.actor

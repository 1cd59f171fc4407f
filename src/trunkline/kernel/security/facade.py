"""Commands and queries on principals, roles and keys: what the API and the command line call.

Every command checks that the actor holds what it gives away, leaves an audit entry without secrets, and tells all
processes to forget whom they have recognised.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, ReadSession, Record, UnitOfWork
from trunkline.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unprocessable
from trunkline.kernel.ids import new_id
from trunkline.kernel.security import store, tokens
from trunkline.kernel.security.contracts import (
    CreatedKey,
    KeyView,
    NewKey,
    NewPrincipal,
    NewRole,
    PrincipalChange,
    PrincipalView,
    RoleView,
    check_password,
)
from trunkline.kernel.security.passwords import Passwords
from trunkline.kernel.web import permits

PAGE_MAX = 1000


async def create_user(uow: UnitOfWork, passwords: Passwords, request: NewPrincipal, context: Context) -> PrincipalView:
    """Create a person or a service. Raises Invalid for a weak password or a missing login, Conflict for a taken login,
    Unprocessable for an unknown role, Forbidden for a role that holds more than the actor does."""
    if request.kind == "user" and request.login is None:
        raise Invalid("missingField", "A user has a login.", path="$.login")
    if request.password is not None and request.login is None:
        raise Invalid("missingField", "A password goes with a login.", path="$.login")
    if request.password is not None:
        check_password(request.password, request.login)
    await _may_give(uow, request.roles, context)
    id_ = new_id()
    hashed = await passwords.hash(request.password) if request.password is not None else None
    if not await store.insert_principal(
        uow, context.tenant, id_, request.kind, request.name, request.login, context.now
    ):
        raise Conflict("loginTaken", "Somebody has this login already.", path="$.login", hint="Choose another one.")
    await store.set_roles(uow, context.tenant, id_, request.roles)
    if hashed is not None:
        await store.set_password(uow, context.tenant, id_, hashed, context.now)
    created = await get_principal(uow, id_, context)
    uow.audit(AuditEntry.of(context, "create", "principal", id_, after=created))
    return created


async def change_principal(
    uow: UnitOfWork, passwords: Passwords, id_: str, request: PrincipalChange, context: Context
) -> PrincipalView:
    """Change name, state, roles or password. Raises NotFound, Conflict when the actor would disable itself, and as
    `create_user` does."""
    row = await store.lock_principal(uow, context.tenant, id_)
    if row is None:
        raise _unknown("principal", id_)
    before = _principal_view(row)
    if request.state == "disabled" and id_ == context.actor:
        raise Conflict("ownPrincipal", "You cannot disable yourself.", hint="Another administrator can.")
    if request.roles is not None:
        await _may_give(uow, request.roles, context)
    if request.roles is not None or request.password is not None or request.state is not None:
        # Who could set the password or state of somebody more powerful would hold that power, or could take it away.
        await _may_give(uow, before.roles, context)
    if request.password is not None:
        await _set_password(uow, passwords, before, request.password, context)
    await uow.execute(
        "update kernel.principal set name = coalesce($3, name), state = coalesce($4, state) where tenant = $1 and id = $2",
        context.tenant,
        id_,
        request.name,
        request.state,
    )
    if request.roles is not None:
        await store.set_roles(uow, context.tenant, id_, request.roles)
    if request.state == "disabled":
        await store.end_sessions(uow, context.tenant, id_)
    after = await get_principal(uow, id_, context)
    changed: dict[str, Any] = {"principal": after}
    if request.password is not None:
        changed["passwordChanged"] = True
    uow.audit(AuditEntry.of(context, "change", "principal", id_, before={"principal": before}, after=changed))
    await store.announce(uow)
    return after


async def create_role(uow: UnitOfWork, request: NewRole, context: Context) -> RoleView:
    """Create a role. Raises Conflict for a taken name, Forbidden for permissions the actor does not hold."""
    _holds(request.permissions, context, "$.permissions")
    if not await store.insert_role(
        uow, context.tenant, request.name, request.description, request.permissions, built_in=False
    ):
        raise Conflict("roleTaken", "There is a role of this name already.", path="$.name")
    created = await get_role(uow, request.name, context)
    uow.audit(AuditEntry.of(context, "create", "role", request.name, after=created))
    return created


async def delete_role(uow: UnitOfWork, name: str, context: Context) -> None:
    """Delete a role. Raises NotFound, Conflict for a built-in role and for one that somebody holds."""
    role = await get_role(uow, name, context)
    if role.built_in:
        raise Conflict("builtInRole", "A built-in role stays.")
    holders = await uow.fetch_value(
        "select count(*) from kernel.principal_role where tenant = $1 and role = $2", context.tenant, name
    )
    if holders:
        raise Conflict("roleInUse", "Somebody holds this role.", message=f"{holders} principals hold {name}.")
    await uow.execute("delete from kernel.role_permission where tenant = $1 and role = $2", context.tenant, name)
    await uow.execute("delete from kernel.role where tenant = $1 and name = $2", context.tenant, name)
    uow.audit(AuditEntry.of(context, "delete", "role", name, before=role))
    await store.announce(uow)


async def create_key(uow: UnitOfWork, request: NewKey, context: Context) -> CreatedKey:
    """Make an API key; its text is in the answer and nowhere else. Without `principal_id` the key gets a principal of
    its own with the given roles. Raises Unprocessable for an unknown principal or role, Forbidden as `create_user`."""
    if request.expires_at is not None and request.expires_at.tzinfo is None:
        raise Invalid("instantWithoutZone", "An instant needs a time zone.", path="$.expiresAt")
    if request.principal_id is not None and request.roles:
        raise Invalid("rolesOfPrincipal", "A key has the roles of its principal; leave out roles.", path="$.roles")
    principal_id = request.principal_id
    if principal_id is None:
        await _may_give(uow, request.roles, context)
        principal_id = new_id()
        await store.insert_principal(uow, context.tenant, principal_id, "key", request.name, None, context.now)
        await store.set_roles(uow, context.tenant, principal_id, request.roles)
    else:
        owner = await store.lock_principal(uow, context.tenant, principal_id)
        if owner is None or owner["state"] != "active":
            raise Unprocessable("unknownPrincipal", "There is no such active principal.", path="$.principalId")
        await _may_give(uow, owner["roles"], context)
    token = tokens.new_token("tk")
    row = {
        "tenant": context.tenant,
        "id": token.id,
        "principal_id": principal_id,
        "name": request.name,
        "secret_hash": token.secret_hash,
        "created_at": context.now,
        "expires_at": request.expires_at,
    }
    await store.insert_key(uow, row)
    after = {"name": request.name, "principalId": principal_id, "roles": request.roles, "expiresAt": request.expires_at}
    uow.audit(AuditEntry.of(context, "create", "apiKey", token.id, after=after))
    return CreatedKey(
        id=token.id, principal_id=principal_id, name=request.name, key=token.text, expires_at=request.expires_at
    )


async def revoke_key(uow: UnitOfWork, id_: str, context: Context) -> None:
    """Revoke a key: it stops at once in every process. Revoking twice changes nothing. Raises NotFound, Forbidden for the
    key of a principal that holds more than the actor does."""
    row = await store.key(uow, context.tenant, id_)
    if row is None:
        raise _unknown("key", id_)
    owner = await store.lock_principal(uow, context.tenant, row["principal_id"])
    if owner is not None:
        await _may_give(uow, owner["roles"], context)
    revoked = await uow.execute(
        "update kernel.api_key set revoked_at = $3 where tenant = $1 and id = $2 and revoked_at is null",
        context.tenant,
        id_,
        context.now,
    )
    if revoked:
        uow.audit(AuditEntry.of(context, "revoke", "apiKey", id_, before={"name": row["name"]}))
        await store.announce(uow)


async def get_principal(session: ReadSession, id_: str, context: Context) -> PrincipalView:
    """A principal. Raises NotFound."""
    row = await store.principal(session, context.tenant, id_)
    if row is None:
        raise _unknown("principal", id_)
    return _principal_view(row)


async def list_principals(
    session: ReadSession, context: Context, after: str = "", limit: int = 100
) -> list[PrincipalView]:
    """Principals in the order of their ids, after the given one; at most `PAGE_MAX`."""
    rows = await store.principals(session, context.tenant, after=after, limit=min(limit, PAGE_MAX))
    return [_principal_view(row) for row in rows]


async def get_role(session: ReadSession, name: str, context: Context) -> RoleView:
    """A role with its permissions. Raises NotFound."""
    row = await store.role(session, context.tenant, name)
    if row is None:
        raise _unknown("role", name)
    return RoleView(**dict(row))


async def list_roles(session: ReadSession, context: Context) -> list[RoleView]:
    """All roles by name."""
    return [RoleView(**dict(row)) for row in await store.roles(session, context.tenant)]


async def get_key(session: ReadSession, id_: str, context: Context) -> KeyView:
    """A key without its secret. Raises NotFound."""
    row = await store.key(session, context.tenant, id_)
    if row is None:
        raise _unknown("key", id_)
    return _key_view(row)


async def list_keys(session: ReadSession, context: Context, after: str = "", limit: int = 100) -> list[KeyView]:
    """Keys in the order of their ids, after the given one; at most `PAGE_MAX`."""
    rows = await store.keys(session, context.tenant, after=after, limit=min(limit, PAGE_MAX))
    return [_key_view(row) for row in rows]


async def _set_password(
    uow: UnitOfWork, passwords: Passwords, principal: PrincipalView, password: str, context: Context
) -> None:
    if principal.login is None:
        raise Conflict("noLogin", "This principal has no login, so no password.")
    check_password(password, principal.login)
    await store.set_password(uow, context.tenant, principal.id, await passwords.hash(password), context.now)
    await store.end_sessions(uow, context.tenant, principal.id)


async def _may_give(uow: UnitOfWork, roles: Sequence[str], context: Context) -> None:
    """Only who holds a permission may hand it on; otherwise creating a key would be a way to hold everything."""
    for index, name in enumerate(roles):
        row = await store.role(uow, context.tenant, name)
        if row is None:
            raise Unprocessable("unknownRole", f"There is no role {name!r}.", path=f"$.roles[{index}]")
        _holds(row["permissions"], context, f"$.roles[{index}]")


def _holds(permissions: Iterable[str], context: Context, path: str) -> None:
    missing = sorted(permission for permission in permissions if not permits(context.permissions, permission))
    if missing:
        raise Forbidden(
            "morePowerful",
            "This holds more than you do.",
            message=f"You do not hold {', '.join(missing[:5])}. Nothing was done.",
            path=path,
        )


def _principal_view(row: Record) -> PrincipalView:
    return PrincipalView(**dict(row))


def _key_view(row: Record) -> KeyView:
    values = dict(row)
    used = values.pop("last_used_on")
    return KeyView(**values, prefix=f"tk_{row['id']}", last_used_on=used.isoformat() if used else None)


def _unknown(what: str, id_: str) -> NotFound:
    return NotFound(f"unknown{what.capitalize()}", f"There is no such {what}.", message=f"{what} {id_[:100]}")

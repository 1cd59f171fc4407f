"""The first tenant, its roles, its administrator and a first key: made once, however often it is asked for."""

from collections.abc import Sequence

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, UnitOfWork
from trunkline.kernel.security import store
from trunkline.kernel.security.contracts import CreatedKey, NewKey, NewPrincipal
from trunkline.kernel.security.facade import create_key, create_user
from trunkline.kernel.security.passwords import Passwords
from trunkline.kernel.security.roles import BUILT_IN

_ADVISORY_KEY = 7_266_004


class Bootstrapped(msgspec.Struct, frozen=True, kw_only=True):
    """What there is now. `administrator_created` and `key` tell what this call made; a key's text is seen only then."""

    tenant: str
    administrator_id: str | None
    administrator_created: bool
    key: CreatedKey | None


async def bootstrap(
    uow: UnitOfWork,
    passwords: Passwords,
    context: Context,
    *,
    tenant_name: str,
    login: str | None = None,
    password: str | None = None,
    key_name: str | None = None,
    key_roles: Sequence[str] = ("administrator",),
) -> Bootstrapped:
    """Make the tenant `context.tenant` with the built-in roles; with `login`, an administrator; with `key_name`, a key
    of that name unless one is in force. `context.permissions` must hold "*". Raises Invalid for a weak password."""
    await uow.fetch_value("select pg_advisory_xact_lock($1)", _ADVISORY_KEY)
    await _tenant(uow, tenant_name, context)
    administrator_id, created = None, False
    if login is not None:
        administrator_id = await uow.fetch_value(
            "select id from kernel.principal where tenant = $1 and login = $2", context.tenant, login
        )
        if administrator_id is None:
            request = NewPrincipal(name=login, login=login, password=password, roles=["administrator"])
            administrator_id, created = (await create_user(uow, passwords, request, context)).id, True
    key = None
    if key_name is not None and not await _key_in_force(uow, key_name, context):
        key = await create_key(uow, NewKey(name=key_name, roles=list(key_roles)), context)
    return Bootstrapped(
        tenant=context.tenant, administrator_id=administrator_id, administrator_created=created, key=key
    )


async def _tenant(uow: UnitOfWork, name: str, context: Context) -> None:
    made = await uow.execute(
        """insert into kernel.tenant(tenant, name, state, created_at) values ($1, $2, 'active', $3)
           on conflict (tenant) do nothing""",
        context.tenant,
        name,
        context.now,
    )
    if made:
        uow.audit(AuditEntry.of(context, "create", "tenant", context.tenant, after={"name": name}))
    renewed = False
    for role in BUILT_IN:
        if not await store.insert_role(
            uow, context.tenant, role.name, role.description, role.permissions, built_in=True
        ):
            renewed = await _renew(uow, context.tenant, role.name, role.permissions) or renewed
    if renewed:
        uow.audit(AuditEntry.of(context, "renewBuiltInRoles", "tenant", context.tenant))
        await store.announce(uow)


async def _renew(uow: UnitOfWork, tenant: str, role: str, permissions: Sequence[str]) -> bool:
    """Bring a built-in role to what this release says; a role of the same name that is not built in stays as it is."""
    added = await uow.execute(
        """insert into kernel.role_permission(tenant, role, permission)
           select r.tenant, r.name, p from kernel.role r, unnest($3::text[]) p
            where r.tenant = $1 and r.name = $2 and r.built_in on conflict do nothing""",
        tenant,
        role,
        list(permissions),
    )
    removed = await uow.execute(
        """delete from kernel.role_permission x using kernel.role r
            where x.tenant = $1 and x.role = $2 and r.tenant = x.tenant and r.name = x.role and r.built_in
              and x.permission <> all($3::text[])""",
        tenant,
        role,
        list(permissions),
    )
    return bool(added or removed)


async def _key_in_force(uow: UnitOfWork, name: str, context: Context) -> bool:
    return bool(
        await uow.fetch_value(
            "select exists (select 1 from kernel.api_key where tenant = $1 and name = $2 and revoked_at is null)",
            context.tenant,
            name,
        )
    )

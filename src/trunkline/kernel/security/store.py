"""SQL of principals, roles, keys and sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trunkline.kernel.db import ReadSession, Record, UnitOfWork

CHANNEL = "trunkline_security"

_PERMISSIONS = """array(select distinct r.permission from kernel.principal_role pr
    join kernel.role_permission r on r.tenant = pr.tenant and r.role = pr.role
   where pr.tenant = p.tenant and pr.principal_id = p.id order by 1)"""
_ACTIVE = """join kernel.principal p on p.tenant = c.tenant and p.id = c.principal_id and p.state = 'active'
    join kernel.tenant t on t.tenant = p.tenant and t.state = 'active'"""

# The only statements without a tenant: a token comes before it is known whose it is, and carries the tenant by its id.
_KEY = f"""select c.tenant, c.id, c.principal_id, c.secret_hash, c.expires_at, c.last_used_on, {_PERMISSIONS} permissions
    from kernel.api_key c {_ACTIVE} where c.id = $1 and c.revoked_at is null"""
_SESSION = f"""select c.tenant, c.id, c.principal_id, c.secret_hash, c.expires_at, c.ends_at, {_PERMISSIONS} permissions
    from kernel.session c {_ACTIVE} where c.id = $1"""

_PRINCIPAL = """select p.id, p.kind, p.name, p.login, p.state, p.created_at,
    array(select role from kernel.principal_role pr where pr.tenant = p.tenant and pr.principal_id = p.id order by 1) roles
    from kernel.principal p where p.tenant = $1"""
_ROLE = """select r.name, r.description, r.built_in,
    array(select permission from kernel.role_permission x where x.tenant = r.tenant and x.role = r.name order by 1) permissions
    from kernel.role r where r.tenant = $1"""
_KEY_VIEW = """select id, principal_id, name, created_at, expires_at, last_used_on, revoked_at
    from kernel.api_key where tenant = $1"""


async def find_key(session: ReadSession, id_: str) -> Record | None:
    """An active principal's unrevoked key with the permissions it gives."""
    return await session.fetch_row(_KEY, id_)


async def find_session(session: ReadSession, id_: str) -> Record | None:
    """An active principal's session with the permissions it gives."""
    return await session.fetch_row(_SESSION, id_)


async def permissions_of_roles(session: ReadSession, tenant: str, roles: Sequence[str]) -> frozenset[str] | None:
    """What the roles allow in an active tenant; None when there is no such tenant."""
    row = await session.fetch_row(
        """select array(select distinct permission from kernel.role_permission r
              where r.tenant = t.tenant and r.role = any($2::text[])) permissions
             from kernel.tenant t where t.tenant = $1 and t.state = 'active'""",
        tenant,
        list(roles),
    )
    return None if row is None else frozenset(row["permissions"])


async def principals(session: ReadSession, tenant: str, *, after: str, limit: int) -> Sequence[Record]:
    """Principals in the order of their ids."""
    return await session.fetch(f"{_PRINCIPAL} and p.id > $2 order by p.id limit $3", tenant, after, limit)


async def principal(session: ReadSession, tenant: str, id_: str) -> Record | None:
    return await session.fetch_row(f"{_PRINCIPAL} and p.id = $2", tenant, id_)


async def lock_principal(uow: UnitOfWork, tenant: str, id_: str) -> Record | None:
    """The principal, locked until the end of the transaction."""
    return await uow.fetch_row(f"{_PRINCIPAL} and p.id = $2 for update of p", tenant, id_)


async def roles(session: ReadSession, tenant: str) -> Sequence[Record]:
    return await session.fetch(f"{_ROLE} order by r.name limit 1000", tenant)


async def role(session: ReadSession, tenant: str, name: str) -> Record | None:
    return await session.fetch_row(f"{_ROLE} and r.name = $2", tenant, name)


async def keys(session: ReadSession, tenant: str, *, after: str, limit: int) -> Sequence[Record]:
    """Keys in the order of their ids, the revoked ones too."""
    return await session.fetch(f"{_KEY_VIEW} and id > $2 order by id limit $3", tenant, after, limit)


async def key(session: ReadSession, tenant: str, id_: str) -> Record | None:
    return await session.fetch_row(f"{_KEY_VIEW} and id = $2", tenant, id_)


async def insert_principal(
    uow: UnitOfWork, tenant: str, id_: str, kind: str, name: str, login: str | None, now: datetime
) -> bool:
    """Whether it was inserted; False when the login is taken."""
    return bool(
        await uow.execute(
            """insert into kernel.principal(tenant, id, kind, name, login, state, created_at)
               values ($1, $2, $3, $4, $5, 'active', $6) on conflict (tenant, login) do nothing""",
            tenant,
            id_,
            kind,
            name,
            login,
            now,
        )
    )


async def set_roles(uow: UnitOfWork, tenant: str, principal_id: str, names: Sequence[str]) -> None:
    """Make these the principal's roles."""
    await uow.execute("delete from kernel.principal_role where tenant = $1 and principal_id = $2", tenant, principal_id)
    await uow.execute(
        """insert into kernel.principal_role(tenant, principal_id, role)
           select distinct $1, $2, role from unnest($3::text[]) role""",
        tenant,
        principal_id,
        list(names),
    )


async def set_password(uow: UnitOfWork, tenant: str, principal_id: str, password_hash: str, now: datetime) -> None:
    await uow.execute(
        """insert into kernel.credential(tenant, principal_id, password_hash, changed_at) values ($1, $2, $3, $4)
           on conflict (tenant, principal_id) do update set password_hash = excluded.password_hash,
             changed_at = excluded.changed_at""",
        tenant,
        principal_id,
        password_hash,
        now,
    )


async def insert_role(
    uow: UnitOfWork, tenant: str, name: str, description: str, permissions: Sequence[str], *, built_in: bool
) -> bool:
    """Whether it was inserted; False when there is a role of that name."""
    inserted = await uow.execute(
        """insert into kernel.role(tenant, name, description, built_in) values ($1, $2, $3, $4)
           on conflict (tenant, name) do nothing""",
        tenant,
        name,
        description,
        built_in,
    )
    if inserted:
        await uow.execute(
            """insert into kernel.role_permission(tenant, role, permission)
               select distinct $1, $2, permission from unnest($3::text[]) permission""",
            tenant,
            name,
            list(permissions),
        )
    return bool(inserted)


async def insert_key(uow: UnitOfWork, row: dict[str, Any]) -> None:
    await uow.execute(
        """insert into kernel.api_key(tenant, id, principal_id, name, secret_hash, created_at, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        *(row[name] for name in ("tenant", "id", "principal_id", "name", "secret_hash", "created_at", "expires_at")),
    )


async def end_sessions(uow: UnitOfWork, tenant: str, principal_id: str, *, but: str | None = None) -> None:
    """End the principal's sessions, all or all but one."""
    await uow.execute(
        "delete from kernel.session where tenant = $1 and principal_id = $2 and id is distinct from $3",
        tenant,
        principal_id,
        but,
    )


async def announce(uow: UnitOfWork) -> None:
    """Tell every process, at commit, to forget whom it has recognised. These changes are rare, so that the lock which
    NOTIFY takes at commit hinders nobody."""
    await uow.execute("select pg_notify($1, '')", CHANNEL)

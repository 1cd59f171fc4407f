"""Local accounts: logging in and out, changing one's own password. Guessing is slowed in PostgreSQL, for all processes."""

import hashlib
from datetime import datetime, timedelta

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, Database, OpenUnit
from trunkline.kernel.errors import Unauthenticated
from trunkline.kernel.security import store, tokens
from trunkline.kernel.security.contracts import Limits, PasswordChange, SessionView, SignIn, check_password
from trunkline.kernel.security.passwords import Passwords
from trunkline.kernel.web import Principal, RateLimited

_COUNT = """insert into kernel.login_failure as f (tenant, subject, failures, window_ends_at)
    select $1, subject, 1, $3 from unnest($2::text[]) subject order by subject
    on conflict (tenant, subject) do update set
      failures = case when f.window_ends_at <= $4 then 1 else f.failures + 1 end,
      window_ends_at = case when f.window_ends_at <= $4 then excluded.window_ends_at else f.window_ends_at end
    returning subject, failures, window_ends_at"""
_ACCOUNT = """select p.id, p.name, p.login, c.password_hash from kernel.principal p
    join kernel.tenant t on t.tenant = p.tenant and t.state = 'active'
    join kernel.credential c on c.tenant = p.tenant and c.principal_id = p.id
   where p.tenant = $1 and p.login = $2 and p.state = 'active'"""


async def sign_in(
    database: Database, passwords: Passwords, limits: Limits, request: SignIn, *, peer: str, context: Context
) -> SessionView:
    """Open a session. Raises Unauthenticated, the same for an unknown login and a wrong password and after the same
    time, and RateLimited after too many failures for the login or from the address.

    The attempt is counted before the password is looked at, so that attempts at once cannot get past the limit; a
    success takes it back.
    """
    subjects = _subjects(request.login, peer)
    await _count(database, limits, context.tenant, subjects)
    async with database.read() as session:
        account = await session.fetch_row(_ACCOUNT, context.tenant, request.login)
    stored = account["password_hash"] if account else None
    if not await passwords.verify(stored, request.password) or account is None or stored is None:
        raise Unauthenticated("wrongLogin", "Login or password is wrong.")
    renewed = await passwords.hash(request.password) if passwords.outdated(stored) else None
    token, now = tokens.new_token("ts"), database.clock.wall()
    ends_at = now + timedelta(seconds=limits.session_max_s)
    expires_at = min(now + timedelta(seconds=limits.session_idle_s), ends_at)
    as_account = msgspec.structs.replace(context, actor=account["id"])
    async with database.unit_of_work() as uow:
        await uow.execute(
            """insert into kernel.session(tenant, id, principal_id, secret_hash, created_at, expires_at, ends_at)
               values ($1, $2, $3, $4, $5, $6, $7)""",
            context.tenant,
            token.id,
            account["id"],
            token.secret_hash,
            now,
            expires_at,
            ends_at,
        )
        await uow.execute(
            "delete from kernel.login_failure where tenant = $1 and subject = $2", context.tenant, subjects[0]
        )
        await uow.execute(
            "update kernel.login_failure set failures = failures - 1 where tenant = $1 and subject = $2 and failures > 0",
            context.tenant,
            subjects[1],
        )
        if renewed is not None:
            await store.set_password(uow, context.tenant, account["id"], renewed, now)
        uow.audit(AuditEntry.of(as_account, "create", "session", token.id, after={"login": request.login}))
        row = await store.find_session(uow, token.id)
    return SessionView(
        tenant=context.tenant,
        principal_id=account["id"],
        name=account["name"],
        permissions=sorted(row["permissions"]) if row else [],
        token=token.text,
        expires_at=expires_at,
    )


async def sign_out(database: Database, principal_session: str | None, context: Context) -> None:
    """End the session the request came with; for a key there is nothing to end."""
    if principal_session is None:
        return
    async with database.unit_of_work() as uow:
        ended = await uow.execute(
            "delete from kernel.session where tenant = $1 and id = $2", context.tenant, principal_session
        )
        if ended:
            uow.audit(AuditEntry.of(context, "delete", "session", principal_session))
            await store.announce(uow)


async def change_password(
    database: Database,
    open_unit: OpenUnit,
    passwords: Passwords,
    limits: Limits,
    request: PasswordChange,
    principal: Principal,
    context: Context,
) -> None:
    """Change one's own password; the other sessions end. Raises Unauthenticated when the current one is wrong, Invalid
    when the new one is too weak, RateLimited after too many failures. The attempt is counted by itself, so that it counts
    when it is refused; the change is in the unit of work that is opened for it."""
    async with database.read() as session:
        row = await session.fetch_row(
            """select p.login, c.password_hash from kernel.principal p
                 join kernel.credential c on c.tenant = p.tenant and c.principal_id = p.id
                where p.tenant = $1 and p.id = $2""",
            context.tenant,
            context.actor,
        )
    login = row["login"] if row else None
    check_password(request.new, login, "$.new")
    subjects = _subjects(login or context.actor, "own password")
    await _count(database, limits, context.tenant, subjects[:1])
    if row is None or not await passwords.verify(row["password_hash"], request.current):
        raise Unauthenticated("wrongPassword", "The current password is wrong.")
    fresh = await passwords.hash(request.new)
    async with open_unit() as uow:
        await store.set_password(uow, context.tenant, context.actor, fresh, database.clock.wall())
        await store.end_sessions(uow, context.tenant, context.actor, but=principal.session)
        await uow.execute(
            "delete from kernel.login_failure where tenant = $1 and subject = $2", context.tenant, subjects[0]
        )
        uow.audit(AuditEntry.of(context, "changePassword", "principal", context.actor))
        await store.announce(uow)


async def sweep(database: Database) -> int:
    """Delete ended sessions and log-in windows; returns how many. The sealer calls it now and then."""
    now = database.clock.wall()
    async with database.unit_of_work() as uow:
        sessions = await uow.execute("delete from kernel.session where expires_at <= $1", now)
        windows = await uow.execute("delete from kernel.login_failure where window_ends_at <= $1", now)
    return sessions + windows


async def _count(database: Database, limits: Limits, tenant: str, subjects: list[str]) -> None:
    now = database.clock.wall()
    async with database.unit_of_work() as uow:
        rows = await uow.fetch(_COUNT, tenant, subjects, now + timedelta(seconds=limits.window_s), now)
    most = {subjects[0]: limits.failures_per_login} | dict.fromkeys(subjects[1:], limits.failures_per_address)
    ends = [row["window_ends_at"] for row in rows if row["failures"] > most[row["subject"]]]
    if ends:
        raise _too_many(max(ends), now)


def _too_many(ends: datetime, now: datetime) -> RateLimited:
    seconds = max(1.0, (ends - now).total_seconds())
    return RateLimited(
        "tooManyLogins",
        "Too many attempts to log in.",
        message=f"Try again in {max(1, round(seconds / 60))} min.",
        retry_after_s=seconds,
    )


def _subjects(login: str, peer: str) -> list[str]:
    """What is counted: the login, hashed because people type passwords there by mistake, and the address."""
    return ["login:" + hashlib.sha256(login.encode()).hexdigest(), "address:" + peer]

"""From credentials to a principal: API keys, session tokens, tokens of identity providers; with a short memory.

What was recognised is remembered for at most `cache_ttl_s`, and only while this process hears the notifications that
every change of keys, roles, principals and sessions sends: a revoked key stops within milliseconds, and where the
notifications cannot be heard, each request asks the database.

Credentials live by wall time, not by the movable clock: moving a demonstration to the next month must not end its
sessions, and tokens of identity providers carry wall time anyway.
"""

import asyncio
import hashlib
import logging
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from trunkline.kernel.db import Database, Record
from trunkline.kernel.errors import Unauthenticated
from trunkline.kernel.security import store, tokens
from trunkline.kernel.security.contracts import SecuritySettings
from trunkline.kernel.web import Credentials, Principal

if TYPE_CHECKING:
    from trunkline.kernel.security.oidc import OidcVerifier

_CACHE_MAX = 10_000
_SLIDE_S = 60
_log = logging.getLogger("trunkline.security")


class _Known(msgspec.Struct, frozen=True):
    principal: Principal
    until: float


class Authenticator:
    """Recognises the principals of one process's requests. `start` begins listening; `close` ends it."""

    def __init__(self, database: Database, settings: SecuritySettings, oidc: "OidcVerifier | None" = None) -> None:
        self._database = database
        self._settings = settings
        self._oidc = oidc
        self._known: dict[bytes, _Known] = {}
        self._generation = 0
        self._listening = False
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to hear of changes; until then and while the connection is lost nothing is remembered."""
        self._listener = asyncio.create_task(
            self._database.listening({store.CHANNEL: lambda _payload: self.forget()}, self._hear, self._miss),
            name="security-listener",
        )

    async def close(self) -> None:
        """Stop listening and close the connections to identity providers."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
            self._listener = None
        if self._oidc is not None:
            await self._oidc.close()

    async def __call__(self, credentials: Credentials | None) -> Principal | None:
        """The principal, None when no credentials are given. Raises Unauthenticated for wrong ones, and Unavailable when
        an identity provider's keys cannot be had."""
        if credentials is None:
            return None
        print_ = hashlib.sha256(f"{credentials.scheme}\0{credentials.login}\0{credentials.secret}".encode()).digest()
        known = self._known.get(print_)
        if known is not None and known.until > time.monotonic():
            return known.principal
        generation = self._generation
        principal, valid_s = await self._recognise(credentials)
        if self._listening and generation == self._generation:
            if len(self._known) >= _CACHE_MAX:
                self._known.clear()
            until = time.monotonic() + min(self._settings.cache_ttl_s, valid_s)
            self._known[print_] = _Known(principal, until)
        return principal

    def forget(self) -> None:
        """Forget everybody, also those who are being recognised at this moment."""
        self._generation += 1
        self._known.clear()

    async def _recognise(self, credentials: Credentials) -> tuple[Principal, float]:
        if credentials.scheme == "basic":
            presented = tokens.parse_basic(credentials.login or "", credentials.secret)
            if presented is None:
                raise refused()
        else:
            presented = tokens.parse(credentials.secret)
        if presented is not None:
            return await (self._by_key if presented.prefix == "tk" else self._by_session)(presented)
        if self._oidc is not None and credentials.secret.count(".") == 2:
            identity = await self._oidc.verify(credentials.secret)
            async with self._database.read() as session:
                permissions = await store.permissions_of_roles(session, identity.tenant, identity.roles)
            if permissions is None:
                raise refused()
            principal = Principal(tenant=identity.tenant, id=identity.actor, permissions=permissions)
            return principal, (identity.expires_at - self._wall()).total_seconds()
        raise refused()

    async def _by_key(self, presented: tokens.Presented) -> tuple[Principal, float]:
        async with self._database.read() as session:
            row = await store.find_key(session, presented.id)
        if row is None or not tokens.matches(presented.secret, row["secret_hash"]):
            raise refused()
        now = self._wall()
        if row["expires_at"] is not None and row["expires_at"] <= now:
            raise Unauthenticated("keyExpired", "This key has expired.", hint="Make a new one: `trunkline key create`.")
        if row["last_used_on"] != now.date():
            await self._note_use(row, now)
        return _principal(row), _left(row["expires_at"], now)

    async def _by_session(self, presented: tokens.Presented) -> tuple[Principal, float]:
        async with self._database.read() as session:
            row = await store.find_session(session, presented.id)
        now = self._wall()
        if row is None or not tokens.matches(presented.secret, row["secret_hash"]) or row["expires_at"] <= now:
            raise Unauthenticated("sessionEnded", "The session has ended.", hint="Log in again.")
        later = min(now + timedelta(seconds=self._settings.limits.session_idle_s), row["ends_at"])
        if (later - row["expires_at"]).total_seconds() >= _SLIDE_S:
            async with self._database.unit_of_work() as uow:
                await uow.execute(
                    "update kernel.session set expires_at = greatest(expires_at, $3) where tenant = $1 and id = $2",
                    row["tenant"],
                    row["id"],
                    later,
                )
        return _principal(row, session=row["id"]), _left(max(later, row["expires_at"]), now)

    async def _note_use(self, row: Record, now: datetime) -> None:
        """By day: often enough to see which keys are dead, and no write on a request's way but the first of a day."""
        async with self._database.unit_of_work() as uow:
            await uow.execute(
                """update kernel.api_key set last_used_on = $3
                    where tenant = $1 and id = $2 and last_used_on is distinct from $3""",
                row["tenant"],
                row["id"],
                now.date(),
            )

    def _wall(self) -> datetime:
        return self._database.clock.wall()

    def _hear(self) -> None:
        self.forget()
        self._listening = True

    def _miss(self) -> None:
        _log.warning("not hearing of security changes; asking the database each time")
        self._listening = False
        self.forget()


def refused() -> Unauthenticated:
    """The one refusal for whatever is not recognised: it does not say what was wrong."""
    return Unauthenticated(
        "invalidCredentials",
        "The key or token is not valid.",
        hint="It may be revoked or cut short. `trunkline key create` makes a new key.",
    )


def _principal(row: Any, session: str | None = None) -> Principal:
    return Principal(
        tenant=row["tenant"], id=row["principal_id"], permissions=frozenset(row["permissions"]), session=session
    )


def _left(expires_at: datetime | None, now: datetime) -> float:
    return float("inf") if expires_at is None else (expires_at - now).total_seconds()

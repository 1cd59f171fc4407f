"""Where a request comes from: its credentials, its correlation id, its reason, and the principal it turns out to be."""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Invalid, Unauthenticated
from trunkline.kernel.ids import new_id

REASON_MAX = 500
CREDENTIAL_MAX = 16_384
_CORRELATION = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who was recognised: id and tenant, how, and what they may do."""

    tenant: str
    id: str
    permissions: frozenset[str]
    channel: str = "api"
    session: str | None = None


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What the Authorization header said. `login` only for basic."""

    scheme: str
    secret: str
    login: str | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The particulars of a request that become part of its context."""

    correlation_id: str
    reason: str | None = None


Authenticate = Callable[[Credentials | None], Awaitable[Principal | None]]
"""Turns credentials into a principal. None for none given; raises Unauthenticated for wrong ones."""


def origin_of(headers: Mapping[str, str]) -> Origin:
    """Correlation id from X-Correlation-Id, else the trace id of `traceparent`, else new; reason from X-Reason.

    A malformed correlation id is replaced, not refused: it only labels. Raises Invalid for too long a reason.
    """
    given = headers.get("x-correlation-id", "")
    if _CORRELATION.fullmatch(given):
        correlation_id = given
    else:
        trace = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
        correlation_id = trace[1] if trace else new_id()
    return Origin(correlation_id=correlation_id, reason=_reason(headers.get("x-reason")))


def credentials_of(headers: Mapping[str, str]) -> Credentials | None:
    """What the Authorization header holds. Raises Unauthenticated when it is malformed."""
    header = headers.get("authorization")
    if not header:
        return None
    scheme, _, rest = header.strip().partition(" ")
    scheme, rest = scheme.lower(), rest.strip()
    if scheme not in ("bearer", "basic") or not rest or len(rest) > CREDENTIAL_MAX:
        raise malformed()
    if scheme == "bearer":
        return Credentials(scheme="bearer", secret=rest)
    try:
        login, colon, secret = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise malformed() from error
    if not colon:
        raise malformed()
    return Credentials(scheme="basic", secret=secret, login=login)


def context_of(principal: Principal | None, origin: Origin, database: Database, tenant: str = "") -> Context:
    """The call context. A public endpoint has no principal: its actor is "anonymous" and it holds no permission."""
    return Context(
        tenant=principal.tenant if principal else tenant,
        actor=principal.id if principal else "anonymous",
        channel=principal.channel if principal else "api",
        now=database.clock.now(),
        correlation_id=origin.correlation_id,
        reason=origin.reason,
        permissions=principal.permissions if principal else frozenset(),
    )


def malformed() -> Unauthenticated:
    """The refusal for an Authorization header that cannot be read."""
    return Unauthenticated(
        "malformedCredentials",
        "The Authorization header cannot be read.",
        hint="Send 'Authorization: Bearer <key or token>', or basic with the key's id and secret.",
    )


def _reason(raw: str | None) -> str | None:
    if not raw:
        return None
    try:
        text = raw.encode("latin-1").decode()  # servers hand headers over as latin-1; people write UTF-8
    except UnicodeError:
        text = raw
    if len(text) > REASON_MAX or "\x00" in text:
        raise Invalid("invalidReason", f"X-Reason has at most {REASON_MAX} characters.", path="X-Reason")
    return text

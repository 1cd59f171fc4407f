"""Bearer tokens of identity providers: signed JWTs whose keys come from the provider's JWKS (RFC 7517, 7519, 8725)."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from trunkline.kernel.errors import Unauthenticated, Unavailable
from trunkline.kernel.security.contracts import OidcIssuer

ALLOWED_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
_REFRESH_S = 3600.0
_AGAIN_S = 10.0
_JWKS_BYTES_MAX = 1 << 20
_TOKEN_BYTES_MAX = 16_384


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a token names: the actor is "oidc:<issuer's name>:<sub>"; roles are ours already."""

    tenant: str
    actor: str
    roles: tuple[str, ...]
    expires_at: datetime


class OidcVerifier:
    """Verifies tokens of the configured issuers."""

    def __init__(self, issuers: Sequence[OidcIssuer], client: httpx.AsyncClient | None = None) -> None:
        """Raises ValueError for an algorithm that is not asymmetric: with a shared secret the public key would be it."""
        for issuer in issuers:
            foreign = set(issuer.algorithms) - ALLOWED_ALGORITHMS
            if foreign or not issuer.algorithms:
                raise ValueError(f"issuer {issuer.name}: algorithms not allowed: {sorted(foreign)}")
            if (issuer.tenant is None) == (issuer.tenant_claim is None):
                raise ValueError(f"issuer {issuer.name}: give either tenant or tenant_claim")
        self._client = client or httpx.AsyncClient(timeout=5.0, follow_redirects=False)
        self._issuers = {issuer.issuer: (issuer, _Keys(issuer, self._client)) for issuer in issuers}

    async def verify(self, token: str) -> Identity:
        """Whom the token names. Raises Unauthenticated, and Unavailable when the provider's keys cannot be had."""
        header, claims = _unverified(token)
        known = self._issuers.get(str(claims.get("iss")))
        if known is None:
            raise _refused("issuer")
        issuer, keys = known
        if header.get("alg") not in issuer.algorithms:
            raise _refused("algorithm")
        key_set = await keys.get(str(header["kid"]) if "kid" in header else None)
        try:
            decoded = jwt.decode(token, key_set, algorithms=list(issuer.algorithms))
            jwt.JWTClaimsRegistry(
                leeway=issuer.leeway_s,
                iss={"essential": True, "value": issuer.issuer},
                aud={"essential": True, "value": issuer.audience},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise _refused(type(error).__name__) from error
        return _identity(issuer, decoded.claims)

    async def close(self) -> None:
        """Close the connections to the providers."""
        await self._client.aclose()


class _Keys:
    """One issuer's JWKS: fetched when first needed, hourly, and for an unknown key id at most every ten seconds, so
    that forged tokens do not make us call the provider."""

    def __init__(self, issuer: OidcIssuer, client: httpx.AsyncClient) -> None:
        self._issuer = issuer
        self._client = client
        self._lock = asyncio.Lock()
        self._keys: KeySet | None = None
        self._kids: frozenset[str | None] = frozenset()
        self._fetched = self._tried = float("-inf")

    async def get(self, kid: str | None) -> KeySet:
        """The keys; raises Unavailable when there are none yet and none can be fetched."""
        if self._wants(kid):
            async with self._lock:
                if self._wants(kid):
                    await self._fetch()
        if self._keys is None:
            raise Unavailable("issuerUnavailable", f"The keys of {self._issuer.name} cannot be fetched at the moment.")
        return self._keys

    def _wants(self, kid: str | None) -> bool:
        now = time.monotonic()
        if now - self._tried < _AGAIN_S:
            return False
        return self._keys is None or now - self._fetched > _REFRESH_S or (kid is not None and kid not in self._kids)

    async def _fetch(self) -> None:
        self._tried = time.monotonic()
        try:
            async with self._client.stream("GET", self._issuer.jwks_url) as response:
                response.raise_for_status()
                raw = b""
                async for chunk in response.aiter_bytes():
                    raw += chunk
                    if len(raw) > _JWKS_BYTES_MAX:
                        return
            document = json.loads(raw)
            usable = [
                key for key in document["keys"] if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use") != "enc"
            ]
            self._keys = KeySet.import_key_set({"keys": usable})
        except (httpx.HTTPError, JoseError, ValueError, TypeError, KeyError, AttributeError):
            return  # the keys we have stay good; without any, `get` says so
        self._kids = frozenset(key.get("kid") for key in usable)
        self._fetched = self._tried


def _unverified(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims before the signature is checked: only to choose the issuer, whose keys then decide."""
    if len(token) > _TOKEN_BYTES_MAX or not token.isascii():
        raise _refused("size")
    try:
        extracted = jws.extract_compact(token.encode())
        claims = json.loads(extracted.payload)
    except (JoseError, ValueError, RecursionError) as error:
        raise _refused("form") from error
    if not isinstance(claims, dict):
        raise _refused("form")
    return extracted.headers(), claims


def _identity(issuer: OidcIssuer, claims: Mapping[str, Any]) -> Identity:
    tenant = issuer.tenant
    if issuer.tenant_claim is not None:
        value = _at(claims, issuer.tenant_claim)
        if not isinstance(value, str):
            raise _refused("tenant")
        tenant = issuer.tenants.get(value) if issuer.tenants else value
    if not tenant or "\x00" in tenant:
        raise _refused("tenant")
    listed = _at(claims, issuer.roles_claim)
    values = listed.split() if isinstance(listed, str) else listed if isinstance(listed, list) else []
    roles = tuple(sorted({issuer.roles[value] for value in values if isinstance(value, str) and value in issuer.roles}))
    subject = str(claims["sub"])
    if "\x00" in subject or not 0 < len(subject) <= 255:
        raise _refused("subject")
    expires_at = datetime.fromtimestamp(min(float(claims["exp"]), 253_402_300_000.0), UTC)
    return Identity(tenant=tenant, actor=f"oidc:{issuer.name}:{subject}", roles=roles, expires_at=expires_at)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(
        "invalidToken",
        "The token is not valid here.",
        message=f"Refused by: {why}.",
        hint="Get a new token and try again.",
    )

"""Tokens of an identity provider: a real HTTP server hands out keys made here, and every way to forge is refused."""

import base64
import hmac
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.support.installation import Installation, installation
from trunkline.kernel.security.contracts import OidcIssuer, SecuritySettings
from trunkline.kernel.security.oidc import OidcVerifier

ISSUER = "https://id.example"
SELF = "/trunkline/v1/session"


class Provider:
    """An identity provider: its keys, and how often they were asked for."""

    def __init__(self) -> None:
        self.keys: list[Any] = [RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})]
        self.asked = 0
        provider = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                body = json.dumps({"keys": [key.as_dict(private=False) for key in provider.keys]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks"

    def claims(self, **other: Any) -> dict[str, Any]:
        now = int(time.time())
        found = {
            "iss": ISSUER,
            "aud": "trunkline",
            "sub": "ann",
            "iat": now,
            "exp": now + 300,
            "realm": {"roles": ["ops"]},
        }
        return {name: value for name, value in (found | other).items() if value is not None}

    def token(self, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        key = key or self.keys[0]
        return jwt.encode(
            {"alg": "RS256", "kid": key.kid} | (header or {}), self.claims(**claims), key, ["RS256", "ES256", "PS256"]
        )


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None) -> str:
    """What an attacker puts together: no library would."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(secret, b".".join(parts), "sha256") if secret is not None else b""
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()
    yield found
    found.server.shutdown()
    found.server.server_close()


def issuer(provider: Provider, **other: Any) -> OidcIssuer:
    values: dict[str, Any] = {
        "name": "corporate",
        "issuer": ISSUER,
        "audience": "trunkline",
        "jwks_url": provider.url,
        "roles_claim": "realm.roles",
        "roles": {"ops": "network_engineer", "audit": "auditor"},
        "tenant_claim": "org",
    }
    return OidcIssuer(**(values | other))


@pytest.fixture
async def at(database_dsn: str, provider: Provider) -> AsyncIterator[Installation]:
    async with installation(database_dsn, settings=SecuritySettings(issuers=(issuer(provider),))) as found:
        yield found


async def test_a_good_token_gives_its_tenant_and_the_mapped_roles(at: Installation, provider: Provider) -> None:
    token = provider.token(org=at.context.tenant, realm={"roles": ["ops", "audit", "else"]})
    async with at.client(token) as client:
        found = (await client.get(SELF)).json()
    assert (found["tenant"], found["principalId"]) == (at.context.tenant, "oidc:corporate:ann")
    assert "*:read" in found["permissions"]
    assert "serviceOrder:*" in found["permissions"]
    assert "*" not in found["permissions"]


async def test_each_way_to_a_wrong_token_is_refused(at: Installation, provider: Provider) -> None:
    org, now = at.context.tenant, int(time.time())
    pss = RSAKey.generate_key(2048, {"kid": "pss"})
    provider.keys.append(pss)  # known to the provider, but its algorithm is not on our list
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    public = provider.keys[0].as_pem(private=False)
    good = provider.token(org=org)
    wrong = {
        "issuer": provider.token(org=org, iss="https://else.example"),
        "no issuer": provider.token(org=org, iss=None),
        "audience": provider.token(org=org, aud="another"),
        "no audience": provider.token(org=org, aud=None),
        "expired": provider.token(org=org, exp=now - 61),
        "no expiry": provider.token(org=org, exp=None),
        "not yet": provider.token(org=org, nbf=now + 120),
        "stranger's key": provider.token(stranger, org=org),
        "alg none": by_hand({"alg": "none"}, provider.claims(org=org), None),
        "alg none with key id": by_hand({"alg": "none", "kid": "one"}, provider.claims(org=org), None),
        "public key as secret": by_hand({"alg": "HS256", "kid": "one"}, provider.claims(org=org), public),
        "algorithm not listed": provider.token(pss, header={"alg": "PS256"}, org=org),
        "cut short": good[:-2],
        "no subject": provider.token(org=org, sub=None),
        "no tenant": provider.token(),
        "unknown tenant": provider.token(org="elsewhere"),
        "tenant no text": provider.token(org=["x"]),
        "nonsense": "a.b.c",
    }
    async with at.client("") as client:
        for name, token in wrong.items():
            answer = await client.get(SELF, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401, (name, answer.text)
        assert (await client.get(SELF, headers={"Authorization": f"Bearer {good}"})).status_code == 200


async def test_clocks_may_differ_by_the_leeway(at: Installation, provider: Provider) -> None:
    now = int(time.time())
    token = provider.token(org=at.context.tenant, exp=now - 20, nbf=now + 20)
    async with at.client(token) as client:
        assert (await client.get(SELF)).status_code == 200


async def test_a_new_key_is_fetched_once_and_forged_key_ids_do_not_make_us_ask_again(
    at: Installation, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at.client("") as client:

        async def status(token: str) -> int:
            return (await client.get(SELF, headers={"Authorization": f"Bearer {token}"})).status_code

        assert await status(provider.token(org=at.context.tenant)) == 200
        assert provider.asked == 1
        for n in range(5):
            assert await status(provider.token(header={"kid": f"forged{n}"}, org=at.context.tenant)) == 401
        assert provider.asked == 1
        provider.keys.insert(0, ECKey.generate_key("P-256", {"kid": "two", "use": "sig", "alg": "ES256"}))
        monkeypatch.setattr("trunkline.kernel.security.oidc._AGAIN_S", 0.0)
        assert await status(provider.token(header={"alg": "ES256"}, org=at.context.tenant)) == 200
        assert provider.asked == 2


async def test_while_the_provider_is_down_known_keys_stay_good_and_unknown_ones_are_503(
    database_dsn: str, provider: Provider
) -> None:
    down = issuer(provider, jwks_url="http://127.0.0.1:9/jwks")
    async with installation(database_dsn, settings=SecuritySettings(issuers=(down,))) as at:
        async with at.client(provider.token(org=at.context.tenant)) as client:
            answer = await client.get(SELF)
        assert (answer.status_code, answer.json()["code"]) == (503, "issuerUnavailable")
        assert "retry-after" in answer.headers


@pytest.mark.parametrize(
    "wrong", [{"algorithms": ("HS256",)}, {"algorithms": ("none",)}, {"algorithms": ()}, {"tenant": "x"}]
)
def test_a_dangerous_configuration_is_refused_at_start(provider: Provider, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="issuer corporate"):
        OidcVerifier([issuer(provider, **wrong)])

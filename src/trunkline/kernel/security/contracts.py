"""What security takes and gives: settings, inputs of commands, views."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from trunkline.kernel.errors import Invalid

Kind = Literal["user", "key", "service"]
State = Literal["active", "disabled"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Login = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^\S+$")]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
RoleName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
_PERMISSION = r"^(\*|([A-Za-z][A-Za-z0-9]*|\*):([A-Za-z][A-Za-z0-9]*|\*))$"
Permission = Annotated[str, msgspec.Meta(pattern=_PERMISSION, max_length=120)]
Roles = Annotated[list[RoleName], msgspec.Meta(max_length=50)]

PASSWORD_LENGTH_MIN = 12
PASSWORD_LENGTH_MAX = 200


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A command's input: an attribute nobody knows is a mistake of the caller, and is said so."""


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is shown; nothing secret is ever in it."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Log-in limits: failures in a window of `window_s` seconds, and how long a session lives, in seconds."""

    failures_per_login: int = 10
    failures_per_address: int = 50
    window_s: int = 900
    session_idle_s: int = 12 * 3600
    session_max_s: int = 7 * 24 * 3600


class OidcIssuer(msgspec.Struct, frozen=True, kw_only=True):
    """One identity provider whose tokens are accepted (OpenID Connect Core 1.0, RFC 7519, RFC 8725).

    name          short name; an actor from there is "oidc:<name>:<sub>"
    tenant        the tenant of all its tokens; or leave it out and name the claim in `tenant_claim`
    tenants       claim value → tenant, where they differ; a value not in it is taken as it is only when it is empty
    roles_claim   dotted path of the claim that lists roles or groups
    roles         claim value → role here; a value not listed gives nothing
    """

    name: str
    issuer: str
    audience: str
    jwks_url: str
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    tenant: str | None = None
    tenant_claim: str | None = None
    tenants: dict[str, str] = {}
    roles_claim: str = "roles"
    roles: dict[str, str] = {}
    leeway_s: int = 60


class SecuritySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How an installation recognises people and programs. `tenant`: where a log-in belongs that names none."""

    tenant: str = "default"
    limits: Limits = Limits()
    issuers: tuple[OidcIssuer, ...] = ()
    cache_ttl_s: float = 5.0
    metrics_public: bool = False


class NewPrincipal(Input, frozen=True, kw_only=True):
    """A person (`user`: login and password) or a program (`service`: it uses keys)."""

    name: Name
    kind: Literal["user", "service"] = "user"
    login: Login | None = None
    password: Password | None = None
    roles: Roles = []


class PrincipalChange(Input, frozen=True, kw_only=True):
    """What may change of a principal; what is left out stays. A new password ends the principal's sessions."""

    name: Name | None = None
    state: State | None = None
    roles: Roles | None = None
    password: Password | None = None


class NewRole(Input, frozen=True, kw_only=True):
    """A role and all its permissions."""

    name: RoleName
    description: Annotated[str, msgspec.Meta(max_length=500)] = ""
    permissions: Annotated[list[Permission], msgspec.Meta(min_length=1, max_length=500)]


class NewKey(Input, frozen=True, kw_only=True):
    """An API key for an existing principal, or, with roles, for a new one of its own."""

    name: Name
    principal_id: str | None = None
    roles: Roles = []
    expires_at: datetime | None = None


class SignIn(Input, frozen=True, kw_only=True):
    """Log-in with a local account."""

    login: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    password: Password
    tenant: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class PasswordChange(Input, frozen=True, kw_only=True):
    """The change of one's own password."""

    current: Password
    new: Password


class PrincipalView(View, frozen=True, kw_only=True):
    id: str
    kind: Kind
    name: str
    state: State
    created_at: datetime
    login: str | None = None
    roles: list[str] = []


class RoleView(View, frozen=True, kw_only=True):
    name: str
    description: str
    built_in: bool
    permissions: list[str]


class KeyView(View, frozen=True, kw_only=True):
    """An API key without its secret. `prefix` is how it begins, to recognise it by."""

    id: str
    principal_id: str
    name: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_on: str | None = None
    revoked_at: datetime | None = None


class CreatedKey(View, frozen=True, kw_only=True):
    """A new key. `key` is shown this once; only its hash is kept."""

    id: str
    principal_id: str
    name: str
    key: str
    expires_at: datetime | None = None


class SessionView(View, frozen=True, kw_only=True):
    """An opened session, or, without a token, who one is."""

    tenant: str
    principal_id: str
    name: str
    permissions: list[str]
    token: str | None = None
    expires_at: datetime | None = None


def check_password(password: str, login: str | None, path: str = "$.password") -> None:
    """The rules for a new password: long, and not the login. Raises Invalid; the password is in no message."""
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        raise Invalid(
            "weakPassword",
            f"A password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters.",
            path=path,
            hint="A few words that only you put together are good.",
        )
    if (login and password.casefold() == login.casefold()) or len(set(password)) < 4:
        raise Invalid("weakPassword", "A password is not the login and not one character repeated.", path=path)

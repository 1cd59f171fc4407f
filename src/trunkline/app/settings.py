"""The installation's settings: read from the environment once, at the start, and refused with a name when wrong."""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.security.contracts import OidcIssuer, SecuritySettings
from trunkline.kernel.telemetry.masking import MASK

Mode = Literal["demo", "production"]
LogFormat = Literal["human", "json"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
_T = TypeVar("_T")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an installation is told from outside.

    home              TRUNKLINE_HOME: the folder it lives in (database, files, logs), absolute
    database_url      TRUNKLINE_DATABASE_URL: an external PostgreSQL 16 or newer; None runs the embedded one
    http_host, http_port  TRUNKLINE_HTTP_HOST, TRUNKLINE_HTTP_PORT: where the API listens; port 0 takes a free one
    mode              TRUNKLINE_MODE: the clock can be moved in demo only, and callbacks to private addresses allowed
    tenant            TRUNKLINE_TENANT: where a log-in belongs that names none
    log, log_level    TRUNKLINE_LOG, TRUNKLINE_LOG_LEVEL
    oidc              TRUNKLINE_OIDC_*: the identity provider whose tokens are accepted, or None
    event_streams     TRUNKLINE_EVENT_STREAMS: most event streams that one process serves at a time, 0 to 10,000
    metrics_port      TRUNKLINE_METRICS_PORT: where a worker shows its metrics, on the loopback; port 0 takes a free one,
                      which its log names; None: nowhere
    demo_life         TRUNKLINE_DEMO_LIFE: on (the default in demo mode) plays customers of the demo operator, off does not
    clock_start       TRUNKLINE_CLOCK_START: the instant at which the clock of a new demo installation begins, or None
    otlp_endpoint     OTEL_EXPORTER_OTLP_ENDPOINT: where traces go, or None
    """

    home: Path
    database_url: str | None = None
    http_host: str = "127.0.0.1"
    http_port: int = 8088
    mode: Mode = "demo"
    tenant: str = "default"
    log: LogFormat = "human"
    log_level: LogLevel = "INFO"
    oidc: OidcIssuer | None = None
    event_streams: int = 500
    metrics_port: int | None = None
    demo_life: bool = True
    clock_start: datetime | None = None
    otlp_endpoint: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings. Raises Invalid that names every wrong variable; an empty variable counts as not set."""
        read = _Reader(os.environ if environment is None else environment)
        settings = cls(
            home=read.value("TRUNKLINE_HOME", _path, Path("var/trunkline").absolute()),
            database_url=read.value("TRUNKLINE_DATABASE_URL", _url("postgresql", "postgres"), None),
            http_host=read.value("TRUNKLINE_HTTP_HOST", str, "127.0.0.1"),
            http_port=read.value("TRUNKLINE_HTTP_PORT", _port, 8088),
            mode=read.value("TRUNKLINE_MODE", _mode, "demo"),
            tenant=read.value("TRUNKLINE_TENANT", str, "default"),
            log=read.value("TRUNKLINE_LOG", _log_format, "human"),
            log_level=read.value("TRUNKLINE_LOG_LEVEL", _log_level, "INFO"),
            oidc=_oidc(read),
            event_streams=read.value("TRUNKLINE_EVENT_STREAMS", _streams, 500),
            metrics_port=read.value("TRUNKLINE_METRICS_PORT", _port, None),
            demo_life=read.value("TRUNKLINE_DEMO_LIFE", _on_off, True),
            clock_start=read.value("TRUNKLINE_CLOCK_START", _instant, None),
            otlp_endpoint=read.value("OTEL_EXPORTER_OTLP_ENDPOINT", _url("http", "https"), None),
        )
        if read.problems:
            raise Invalid.all_of(read.problems)
        return settings

    def security(self) -> SecuritySettings:
        """How people and programs are recognised."""
        return SecuritySettings(tenant=self.tenant, issuers=() if self.oidc is None else (self.oidc,))

    def __repr__(self) -> str:
        """All settings; of the database's URL only the address, since it may hold a password."""
        shown = ", ".join(f"{name}={self._shown(name)}" for name in self.__struct_fields__)
        return f"Settings({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As `__repr__`, for tracebacks that rich prints."""
        return [(name, self._shown(name)) for name in self.__struct_fields__]

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        if name == "database_url" and value is not None:
            parts = urlsplit(value)
            return repr(f"{parts.scheme}://{MASK}@{parts.netloc.rpartition('@')[2]}{parts.path}")
        return repr(value)


class _Reader:
    """Reads variables and gathers what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[Invalid] = []

    def value(self, name: str, parse: Callable[[str], _T], default: _T) -> _T:
        text = self._environment.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            # what was given is not repeated: a mistyped variable may hold a secret
            self.problem(name, f"{name} {error}.")
            return default

    def problem(self, name: str, reason: str) -> None:
        message = "Correct the environment variable and start again."
        self.problems.append(Invalid("settingInvalid", reason, message=message, path=name))


def _oidc(read: _Reader) -> OidcIssuer | None:
    """One identity provider; issuer, audience and JWKS address belong together."""
    web = _url("https", "http")
    issuer = read.value("TRUNKLINE_OIDC_ISSUER", web, None)
    audience = read.value("TRUNKLINE_OIDC_AUDIENCE", str, "")
    jwks_url = read.value("TRUNKLINE_OIDC_JWKS_URL", web, None)
    tenant = read.value("TRUNKLINE_OIDC_TENANT", str, "")
    tenant_claim = read.value("TRUNKLINE_OIDC_TENANT_CLAIM", str, "")
    roles_claim = read.value("TRUNKLINE_OIDC_ROLES_CLAIM", str, "roles")
    roles: dict[str, str] = read.value("TRUNKLINE_OIDC_ROLES", _pairs, {})
    given = {
        "TRUNKLINE_OIDC_ISSUER": issuer,
        "TRUNKLINE_OIDC_AUDIENCE": audience,
        "TRUNKLINE_OIDC_JWKS_URL": jwks_url,
    }
    wrong = {problem.path for problem in read.problems}
    missing = [name for name, value in given.items() if not value and name not in wrong]
    for name in missing if len(missing) < len(given) else ():
        read.problem(name, f"{name} is missing: issuer, audience and JWKS address are needed together.")
    if tenant and tenant_claim:
        read.problem(
            "TRUNKLINE_OIDC_TENANT", "TRUNKLINE_OIDC_TENANT and TRUNKLINE_OIDC_TENANT_CLAIM exclude each other."
        )
    if not (issuer and audience and jwks_url):
        return None
    return OidcIssuer(
        name=urlsplit(issuer).hostname or "oidc",
        issuer=issuer,
        audience=audience,
        jwks_url=jwks_url,
        tenant=None if tenant_claim else tenant or "default",
        tenant_claim=tenant_claim or None,
        roles_claim=roles_claim,
        roles=roles,
    )


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _on_off(text: str) -> bool:
    return _one_of(text.lower(), ("on", "off")) == "on"


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("must be an instant, as 2026-06-01T09:00:00+02:00") from error
    if instant.tzinfo is None:
        raise ValueError("must be an instant with a time zone, as 2026-06-01T09:00:00+02:00")
    return instant


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise ValueError("must be a port number, 0 to 65535")
    return int(text)


def _streams(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 10_000:
        raise ValueError("must be a number, 0 to 10000")
    return int(text)


def _url(*schemes: str) -> Callable[[str], str | None]:
    def parse(text: str) -> str | None:
        if urlsplit(text).scheme not in schemes:
            raise ValueError(f"must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return text

    return parse


def _pairs(text: str) -> dict[str, str]:
    """`claim value=role, …`"""
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(name.strip() and role.strip() for name, _, role in pairs):
        raise ValueError("must read like: group-of-clerks=clerk, group-of-admins=administrator")
    return {name.strip(): role.strip() for name, _, role in pairs}


def _mode(text: str) -> Mode:
    return _one_of(text.lower(), ("demo", "production"))


def _log_format(text: str) -> LogFormat:
    return _one_of(text.lower(), ("human", "json"))


def _log_level(text: str) -> LogLevel:
    return _one_of(text.upper(), ("DEBUG", "INFO", "WARNING", "ERROR"))


def _one_of(text: str, allowed: tuple[_T, ...]) -> _T:
    for value in allowed:
        if value == text:
            return value
    raise ValueError(f"must be one of {', '.join(map(str, allowed))}")

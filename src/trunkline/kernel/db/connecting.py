"""Opening a connection: in one place, with refusals that say what to do next and never show a password."""

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import asyncpg

from trunkline.kernel.db.session import Record
from trunkline.kernel.errors import Unavailable

OLDEST_MAJOR = 16
CONNECT_S = 10.0
SCHEMES = ("postgresql", "postgres")
UNREADABLE = "a URL that cannot be read"
LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError, OSError, TimeoutError)
"""What asyncpg raises when the server is not there, or goes away."""

if TYPE_CHECKING:
    Connection = asyncpg.Connection[Record]
else:
    Connection = asyncpg.Connection  # generic in its stubs alone


async def connect(dsn: str, **options: Any) -> Connection:
    """A connection of its own, which the caller closes. `options` are asyncpg's.

    Raises Unavailable when the server does not answer in 10 s, refuses the log-in, has no such database, or is older than
    PostgreSQL 16. All of it may be mended while we try again: a server that is replaced says each of these for a while.
    """
    try:
        connection: Connection = await asyncpg.connect(dsn, timeout=CONNECT_S, **options)
    except (ValueError, OverflowError):  # asyncpg's words quote the URL, password included
        raise _unreadable(dsn) from None
    except (asyncpg.PostgresError, *LOST) as error:
        raise _refusal(error, dsn) from error
    major = connection.get_server_version().major
    if major < OLDEST_MAJOR:
        connection.terminate()
        raise Unavailable(
            "postgresTooOld",
            f"The server at {address(dsn)} is PostgreSQL {major}; {OLDEST_MAJOR} or newer is needed.",
            message="Upgrade it, or unset TRUNKLINE_DATABASE_URL to use the PostgreSQL that Trunkline brings.",
        )
    return connection


def address(dsn: str) -> str:
    """Where a DSN leads, for people: host, port and database, without the log-in.

    A DSN that is not one URL says nothing at all: what stands where may be the password.
    """
    try:
        parts = urlsplit(dsn)
        port = f":{parts.port}" if parts.port else ""
        asked = parse_qs(parts.query)
    except ValueError:
        return UNREADABLE
    if parts.scheme not in SCHEMES or "@" in parts.path + parts.query + parts.fragment:
        return UNREADABLE
    host = f"{parts.hostname}{port}" if parts.hostname else ", ".join(asked.get("host", ["this machine"]))
    return f"{host}{parts.path}"


def unavailable(reason: str, message: str = "Nothing was done; try again in a moment.") -> Unavailable:
    """The error for a database that cannot be reached now. Whoever tries again meets the same or a later one."""
    return Unavailable("databaseUnavailable", reason, message=message)


def _refusal(error: Exception, dsn: str) -> Unavailable:
    """What a failure to connect means. The server's own words hold no password; asyncpg's on a DSN may."""
    at = address(dsn)
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return Unavailable(
            "databaseLoginRefused",
            f"PostgreSQL at {at} refuses the log-in: {error}.",
            message="Correct user and password in TRUNKLINE_DATABASE_URL, or what pg_hba.conf allows.",
        )
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return Unavailable(
            "databaseMissing",
            f"PostgreSQL at {at}: {error}.",
            message="Let an administrator make it, owned by the user of TRUNKLINE_DATABASE_URL: "
            "createdb --owner=USER NAME.",
        )
    said = str(error) or f"no answer in {CONNECT_S:.0f} s"
    return unavailable("PostgreSQL does not answer.", f"{at}: {said}. Nothing was done; try again.")


def _unreadable(dsn: str) -> Unavailable:
    return Unavailable(
        "databaseUrlInvalid",
        f"TRUNKLINE_DATABASE_URL is no PostgreSQL URL that can be followed (it names {address(dsn)}).",
        message="Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and / # ? @ : in the password as "
        "%2F %23 %3F %40 %3A. Nothing was done.",
    )

"""Files that are exchanged over HTTP: what an import job reads and what an export job writes.

They are kept in the database, where each process of the installation finds them, until somebody deletes them.
"""

from datetime import datetime
from urllib.parse import quote, unquote, urlsplit

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, ReadSession, UnitOfWork
from trunkline.kernel.errors import Invalid, NotFound, Unprocessable

ROOT = "/trunkline/v1/exchange"
SIZE_MAX = 64 << 20
NAME_MAX = 200
LIST_MAX = 1_000

_PUT = """insert into kernel.exchange_file(tenant, name, media_type, content, made_by, made_at)
 values ($1, $2, $3, $4, $5, $6)
 on conflict (tenant, name) do update
    set media_type = excluded.media_type, content = excluded.content, made_by = excluded.made_by,
        made_at = excluded.made_at"""
_LIST = """select name, media_type, octet_length(content) as octets, made_by, made_at from kernel.exchange_file
 where tenant = $1 order by name limit $2"""


class ExchangeFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file as it is listed; `octets` is its length."""

    name: str
    href: str
    media_type: str
    octets: int
    made_by: str
    made_at: datetime


def address(name: str) -> str:
    """Where the file is read: what a job's `url` says."""
    return f"{ROOT}/{quote(name, safe='')}"


def name_of(url: object, path: str = "$.url") -> str:
    """The name of the file that a job's `url` means. Raises Unprocessable for any other place: nothing is ever fetched
    from an address that a request names."""
    text = url if isinstance(url, str) else ""
    parts = urlsplit(text)
    name = unquote(parts.path.removeprefix(f"{ROOT}/"))
    if parts.scheme or parts.netloc or parts.query or not parts.path.startswith(f"{ROOT}/"):
        raise Unprocessable(
            "outsideFile",
            "A job reads and writes files of this installation only.",
            message="Nothing is fetched from or sent to another address.",
            path=path,
            hint=f"Name one as {ROOT}/offerings.ndjson; POST {ROOT}?file=offerings.ndjson puts it there.",
        )
    check_name(name, path)
    return name


def check_name(name: str, path: str) -> None:
    """Raise Invalid for what cannot be the name of a file."""
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable() or "/" in name or name.startswith("."):
        raise Invalid(
            "invalidFileName",
            f"A file's name is printable text of 1 to {NAME_MAX} characters without a slash.",
            path=path,
        )


async def put_file(uow: UnitOfWork, name: str, media_type: str, content: bytes, context: Context) -> None:
    """Keep a file, in place of one of the same name."""
    await uow.execute(_PUT, context.tenant, name, media_type, content, context.actor, context.now)
    told = {"octets": len(content), "mediaType": media_type}
    uow.audit(AuditEntry.of(context, "put", "exchangeFile", name, after=told))


async def get_file(session: ReadSession, name: str, context: Context) -> tuple[bytes, str]:
    """A file's content and media type. Raises NotFound."""
    statement = "select content, media_type from kernel.exchange_file where tenant = $1 and name = $2"
    row = await session.fetch_row(statement, context.tenant, name)
    if row is None:
        raise _unknown(name)
    return row["content"], row["media_type"]


async def has_file(session: ReadSession, name: str, context: Context) -> bool:
    """Whether there is such a file."""
    statement = "select exists (select 1 from kernel.exchange_file where tenant = $1 and name = $2)"
    return bool(await session.fetch_value(statement, context.tenant, name))


async def list_files(session: ReadSession, context: Context) -> list[ExchangeFile]:
    """The tenant's files by name, at most a thousand."""
    rows = await session.fetch(_LIST, context.tenant, LIST_MAX)
    return [ExchangeFile(href=address(row["name"]), **dict(row)) for row in rows]


async def delete_file(uow: UnitOfWork, name: str, context: Context) -> None:
    """Delete a file. Raises NotFound."""
    statement = "delete from kernel.exchange_file where tenant = $1 and name = $2"
    if not await uow.execute(statement, context.tenant, name):
        raise _unknown(name)
    uow.audit(AuditEntry.of(context, "delete", "exchangeFile", name))


def _unknown(name: str) -> NotFound:
    return NotFound("unknownFile", f"There is no file {name[:80]}.", path="name", hint=f"GET {ROOT} lists them.")

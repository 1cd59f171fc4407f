"""SQL of mediation: many rows a statement, all through `unnest`, so that a batch costs a handful of round trips."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from trunkline.bss.usage.contracts import Binding, IdentifierKind
from trunkline.bss.usage.model.session import Closure, Counter, Session
from trunkline.kernel.db import ReadSession, Record, UnitOfWork

_encode = msgspec.json.Encoder().encode

RAW_COLUMNS = (
    ("tenant", "text"),
    ("id", "text"),
    ("dedupe_key", "text"),
    ("source", "text"),
    ("source_ref", "text"),
    ("batch_id", "text"),
    ("received_at", "timestamptz"),
    ("original_at", "timestamptz"),
    ("occurred_at", "timestamptz"),
    ("outcome", "text"),
    ("reason", "text"),
    ("message", "text"),
    ("identifier_kind", "text"),
    ("identifier", "text"),
    ("began_at", "timestamptz"),
    ("usage_type", "text"),
    ("quantity", "bigint"),
    ("cumulative", "bigint"),
    ("unit", "text"),
    ("session_nas", "text"),
    ("session_id", "text"),
    ("session_generation", "int"),
    ("facts", "jsonb"),
    ("body", "jsonb"),
)
USAGE_COLUMNS = (
    ("tenant", "text"),
    ("id", "text"),
    ("product_id", "text"),
    ("account_id", "text"),
    ("price_id", "text"),
    ("usage_type", "text"),
    ("quantity", "bigint"),
    ("unit", "text"),
    ("charge_micros", "bigint"),
    ("currency", "text"),
    ("tariff", "jsonb"),
    ("occurred_at", "timestamptz"),
    ("rated_at", "timestamptz"),
)
_SESSION_COLUMNS = (
    ("tenant", "text"),
    ("nas", "text"),
    ("session_id", "text"),
    ("generation", "int"),
    ("user_name", "text"),
    ("port", "text"),
    ("started_at", "timestamptz"),
    ("last_event_at", "timestamptz"),
    ("session_time", "bigint"),
    ("input_octets", "bigint"),
    ("output_octets", "bigint"),
    ("input_gigawords", "boolean"),
    ("output_gigawords", "boolean"),
    ("closed_at", "timestamptz"),
    ("closed_by", "text"),
)


def _insert(table: str, columns: Sequence[tuple[str, str]], after: str) -> str:
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(f"${n + 1}::{kind}[]" for n, (_, kind) in enumerate(columns))
    return f"insert into usage.{table}({names}) select {names} from unnest({arrays}) as t({names}) {after}"


_INSERT_RAW = _insert("raw_record", RAW_COLUMNS, "on conflict (tenant, dedupe_key) do nothing returning id")
_INSERT_USAGE = _insert("usage", USAGE_COLUMNS, "")
_UPSERT_SESSION = _insert(
    "session",
    _SESSION_COLUMNS,
    "on conflict (tenant, nas, session_id, generation) do update set "
    + ", ".join(f"{name} = excluded.{name}" for name, _ in _SESSION_COLUMNS[4:]),
)


def json_text(value: Any) -> str:
    """JSON text for a jsonb parameter. PostgreSQL has no NUL in text, so one is kept as its picture."""
    return _encode(value).decode().replace("\\u0000", "\\u2400")


async def lock_sessions(uow: UnitOfWork, tenant: str, keys: Iterable[tuple[str, str]]) -> None:
    """Hold these sessions until the unit of work ends, also those that do not exist yet; in one order, so that two
    batches cannot wait for each other."""
    hashes = sorted({_lock_key(tenant, nas, session_id) for nas, session_id in keys})
    if hashes:
        await uow.fetch("select pg_advisory_xact_lock(k) from unnest($1::bigint[]) as t(k)", hashes)


def _lock_key(*parts: str) -> int:
    return int.from_bytes(blake2b("\0".join(parts).encode(), digest_size=8).digest(), signed=True)


async def known_keys(uow: UnitOfWork, tenant: str, keys: Sequence[str]) -> dict[str, Record]:
    """Records already there: dedupe key → outcome and reason."""
    rows = await uow.fetch(
        "select dedupe_key, outcome, reason from usage.raw_record where tenant = $1 and dedupe_key = any($2::text[])",
        tenant,
        list(keys),
    )
    return {row["dedupe_key"]: row for row in rows}


async def load_sessions(uow: UnitOfWork, tenant: str, keys: Sequence[tuple[str, str]]) -> list[Session]:
    """All generations under these (NAS, session id) pairs."""
    rows = await uow.fetch(
        """select s.* from unnest($2::text[], $3::text[]) as k(nas, session_id)
             join usage.session s on s.tenant = $1 and s.nas = k.nas and s.session_id = k.session_id
            order by s.nas, s.session_id, s.generation""",
        tenant,
        [nas for nas, _ in keys],
        [session_id for _, session_id in keys],
    )
    return [_session(row) for row in rows]


async def put_sessions(uow: UnitOfWork, tenant: str, sessions: Sequence[Session]) -> None:
    """Store sessions as they are now."""
    if sessions:
        await uow.execute(_UPSERT_SESSION, *_columns([_session_row(tenant, s) for s in sessions]))


async def close_for_restart(uow: UnitOfWork, tenant: str, nas: str, at: datetime) -> None:
    """`Session.ends_with_restart` for all of a NAS's sessions."""
    await uow.execute(
        """update usage.session set closed_at = $3, closed_by = $4
            where tenant = $1 and nas = $2 and closed_at is null and last_event_at <= $3""",
        tenant,
        nas,
        at,
        Closure.RESTART,
    )


async def close_for_successors(uow: UnitOfWork, tenant: str, sessions: Sequence[Session]) -> None:
    """`Session.ends_with` for sessions that have just begun."""
    began = [s for s in sessions if s.port is not None and s.user is not None]
    if began:
        await uow.execute(
            """update usage.session s set closed_at = n.started_at, closed_by = $7
                 from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
                   as n(nas, port, user_name, started_at, session_id)
                where s.tenant = $1 and s.nas = n.nas and s.port = n.port and s.user_name = n.user_name
                  and s.closed_at is null and s.last_event_at <= n.started_at and s.session_id <> n.session_id""",
            tenant,
            [s.nas for s in began],
            [s.port for s in began],
            [s.user for s in began],
            [s.started_at for s in began],
            [s.session_id for s in began],
            Closure.SUCCESSOR,
        )


async def close_idle(uow: UnitOfWork, tenant: str, since: datetime, at: datetime) -> int:
    """Close open sessions not heard of since an instant."""
    return await uow.execute(
        "update usage.session set closed_at = $3, closed_by = $4 where tenant = $1 and closed_at is null and last_event_at < $2",
        tenant,
        since,
        at,
        Closure.INACTIVITY,
    )


async def bindings(session: ReadSession, tenant: str, pairs: Sequence[tuple[str, str]]) -> list[Binding]:
    """All bindings of these (kind, value) pairs, whenever valid."""
    rows = await session.fetch(
        """select i.* from unnest($2::text[], $3::text[]) as k(kind, value)
             join usage.identifier i on i.tenant = $1 and i.kind = k.kind and i.value = k.value""",
        tenant,
        [kind for kind, _ in pairs],
        [value for _, value in pairs],
    )
    return [binding(row) for row in rows]


def binding(row: Record) -> Binding:
    return Binding(
        kind=IdentifierKind(row["kind"]),
        value=row["value"],
        product_id=row["product_id"],
        account_id=row["account_id"],
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
    )


async def insert_raw(uow: UnitOfWork, rows: Sequence[tuple[Any, ...]]) -> set[str]:
    """Store raw records (in the order of RAW_COLUMNS); returns the ids of those that were new."""
    return {row["id"] for row in await uow.fetch(_INSERT_RAW, *_columns(rows))} if rows else set()


async def insert_usage(uow: UnitOfWork, rows: Sequence[tuple[Any, ...]]) -> None:
    """Store usage (in the order of USAGE_COLUMNS)."""
    if rows:
        await uow.execute(_INSERT_USAGE, *_columns(rows))


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _session(row: Record) -> Session:
    return Session(
        nas=row["nas"],
        session_id=row["session_id"],
        generation=row["generation"],
        user=row["user_name"],
        port=row["port"],
        started_at=row["started_at"],
        last_event_at=row["last_event_at"],
        session_time=row["session_time"],
        input=Counter(row["input_octets"], row["input_gigawords"]),
        output=Counter(row["output_octets"], row["output_gigawords"]),
        closed_at=row["closed_at"],
        closed_by=None if row["closed_by"] is None else Closure(row["closed_by"]),
    )


def _session_row(tenant: str, s: Session) -> tuple[Any, ...]:
    return (
        *(tenant, s.nas, s.session_id, s.generation, s.user, s.port, s.started_at, s.last_event_at, s.session_time),
        *(s.input.total, s.output.total, s.input.gigawords, s.output.gigawords, s.closed_at, s.closed_by),
    )

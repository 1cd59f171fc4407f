"""Usage for others: identifiers, records in, totals out for billing, the way back to the raw record.

Whole files and held records have their own modules (`importing`, `suspense`), given on here.
"""

from datetime import datetime

import asyncpg
import msgspec

from trunkline.bss.usage import store
from trunkline.bss.usage.conservation import (
    accounts_unbilled,
    billed_lines,
    billed_totals,
    left_unbilled,
    usage_findings,
)
from trunkline.bss.usage.contracts import (
    BindIdentifier,
    Binding,
    IdentifierKind,
    Ingested,
    Outcome,
    RawInput,
    RawRecord,
    UsageTotal,
)
from trunkline.bss.usage.importing import import_records
from trunkline.bss.usage.mediation import ingest
from trunkline.bss.usage.suspense import list_held, reprocess, reprocess_identifier, summarise
from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, ReadSession, UnitOfWork
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.ids import new_id

__all__ = [
    "BindIdentifier",
    "accounts_unbilled",
    "billed_lines",
    "billed_totals",
    "bind_identifier",
    "bindings_of",
    "close_idle_sessions",
    "import_records",
    "ingest_accounting",
    "ingest_records",
    "left_unbilled",
    "list_held",
    "mark_billed",
    "raw_record",
    "release_identifier",
    "reprocess",
    "summarise",
    "unbilled_totals",
    "usage_findings",
]


async def bind_identifier(uow: UnitOfWork, command: BindIdentifier, context: Context) -> Binding:
    """Let usage of an identifier count on a product from an instant on. Repeating the call changes nothing.

    Usage that was held because nobody had the identifier is rated with it, as far as it lies in the binding's time.
    Raises Invalid for an unknown kind, Conflict when another product has the identifier then.
    """
    kind = _kind(command.kind)
    existing = await uow.fetch_row(
        """select * from usage.identifier where tenant = $1 and kind = $2 and value = $3 and product_id = $4
              and valid_from <= $5 and (valid_until is null or valid_until > $5)""",
        context.tenant,
        kind,
        command.value,
        command.product_id,
        command.valid_from,
    )
    if existing is not None:
        return store.binding(existing)
    try:
        row = await uow.fetch_row(
            """insert into usage.identifier(tenant, id, kind, value, product_id, account_id, valid_from)
               values ($1, $2, $3, $4, $5, $6, $7) returning *""",
            context.tenant,
            new_id(),
            kind,
            command.value,
            command.product_id,
            command.account_id,
            command.valid_from,
        )
    except asyncpg.ExclusionViolationError as error:
        raise Conflict(
            "identifierTaken",
            f"{kind} {command.value!r} belongs to another product at that time.",
            hint="Release it there first.",
            path="$.value",
        ) from error
    assert row is not None
    bound = store.binding(row)
    uow.audit(AuditEntry.of(context, "bind", "usageIdentifier", f"{kind}:{command.value}", after=bound))
    await reprocess_identifier(uow, kind, command.value, context)
    return bound


async def release_identifier(
    uow: UnitOfWork, kind: str, value: str, valid_until: datetime, context: Context
) -> Binding | None:
    """End the identifier's open binding at an instant (excluded); None when there is none. Raises Invalid when the
    binding begins later than that."""
    open_binding = await uow.fetch_row(
        """select * from usage.identifier where tenant = $1 and kind = $2 and value = $3 and valid_until is null
              for update""",
        context.tenant,
        _kind(kind),
        value,
    )
    if open_binding is None:
        return None
    if valid_until <= open_binding["valid_from"]:
        raise Invalid("periodBackwards", "A binding cannot end before it starts.", path="$.validUntil")
    await uow.execute(
        "update usage.identifier set valid_until = $3 where tenant = $1 and id = $2",
        context.tenant,
        open_binding["id"],
        valid_until,
    )
    uow.audit(
        AuditEntry.of(context, "release", "usageIdentifier", f"{kind}:{value}", after={"validUntil": valid_until})
    )
    return msgspec.structs.replace(store.binding(open_binding), valid_until=valid_until)


async def bindings_of(session: ReadSession, product_id: str, context: Context) -> list[Binding]:
    """The identifiers that belong or belonged to a product."""
    rows = await session.fetch(
        "select * from usage.identifier where tenant = $1 and product_id = $2 order by valid_from",
        context.tenant,
        product_id,
    )
    return [store.binding(row) for row in rows]


async def ingest_records(uow: UnitOfWork, records: list[RawInput], context: Context) -> list[Ingested]:
    """Take records in, all in this unit of work; one outcome each, in their order. A repeated one changes nothing."""
    return await ingest(uow, records, context)


async def ingest_accounting(uow: UnitOfWork, record: RawInput, context: Context) -> Ingested:
    """Take one record in: its key, session, usage and charge are stored together.

    A record that cannot be counted is kept as rejected and is no error: the NAS must not send it again.
    Events: UsageSessionStarted when a session begins on a live network.
    """
    return (await ingest(uow, [record], context))[0]


async def close_idle_sessions(uow: UnitOfWork, context: Context, *, silent_since: datetime, at: datetime) -> int:
    """Close sessions whose Stop was lost: open and silent since an instant (of the network's own time). What their last
    record said stays counted; a later record opens them again. Returns how many."""
    return await store.close_idle(uow, context.tenant, silent_since, at)


async def unbilled_totals(session: ReadSession, account_id: str, until: datetime, context: Context) -> list[UsageTotal]:
    """What an account has used before `until` and was not billed for, by product and price.

    The cut-off is on when it was counted, not on when it came: what comes after its period was billed is in the next
    bill's totals.
    """
    rows = await session.fetch(
        """select product_id, price_id, usage_type, unit, currency, sum(quantity)::bigint as quantity,
                  sum(charge_micros)::bigint as charge_micros, count(*) as records, min(occurred_at) as first_at,
                  max(occurred_at) as last_at
             from usage.usage
            where tenant = $1 and account_id = $2 and occurred_at < $3 and line_id is null and price_id is not null
            group by product_id, price_id, usage_type, unit, currency order by product_id, price_id, usage_type""",
        context.tenant,
        account_id,
        until,
    )
    return [UsageTotal(**dict(row)) for row in rows]


async def mark_billed(
    uow: UnitOfWork,
    *,
    account_id: str,
    product_id: str,
    price_id: str,
    until: datetime,
    line_id: str,
    bill_id: str,
    context: Context,
    records: int | None = None,
) -> int:
    """Say that this usage is on a bill line. Returns how many records; none is left over and none is billed twice.

    records  how many the line was made of; raises Conflict when usage arrived since its totals were read
    """
    marked = await uow.execute(
        """update usage.usage set bill_id = $6, line_id = $7, billed_at = $8
            where tenant = $1 and account_id = $2 and product_id = $3 and price_id = $4 and occurred_at < $5
              and line_id is null""",
        context.tenant,
        account_id,
        product_id,
        price_id,
        until,
        bill_id,
        line_id,
        context.now,
    )
    if records is not None and marked != records:
        raise Conflict(
            "usageMoved",
            "Usage arrived while the bill was made.",
            message=f"The line was made of {records} records, there are {marked} now. Nothing was billed.",
            hint="Run the bill again.",
        )
    return marked


async def raw_record(session: ReadSession, usage_id: str, context: Context) -> RawRecord:
    """The record as received from which a usage (of the same id) was made. Raises NotFound."""
    row = await session.fetch_row(
        """select r.*, b.name as file from usage.raw_record r
             left join usage.batch b on b.tenant = r.tenant and b.id = r.batch_id
            where r.tenant = $1 and r.id = $2""",
        context.tenant,
        usage_id,
    )
    if row is None:
        raise NotFound("unknownUsage", f"There is no usage {usage_id}.", path="$.id")
    return RawRecord(
        id=row["id"],
        source=row["source"],
        source_ref=row["source_ref"],
        batch_id=row["batch_id"],
        file=row["file"],
        received_at=row["received_at"],
        original_at=row["original_at"],
        occurred_at=row["occurred_at"],
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        body=msgspec.json.decode(row["body"]),
    )


def _kind(name: str) -> IdentifierKind:
    try:
        return IdentifierKind(name)
    except ValueError as error:
        raise Invalid(
            "unknownIdentifierKind",
            f"{name!r} is not a kind of identifier.",
            path="$.kind",
            allowed=tuple(IdentifierKind),
        ) from error

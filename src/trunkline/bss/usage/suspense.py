"""Held records: counted, listed by reason, processed again after repair. The reason they were held for stays with them."""

from collections.abc import Sequence

import msgspec

from trunkline.bss.usage import store
from trunkline.bss.usage.contracts import (
    Counts,
    Held,
    HeldSummary,
    IdentifierKind,
    Ingested,
    Kept,
    Origin,
    Outcome,
    RawInput,
    Reprocessed,
    Rereader,
    Selection,
)
from trunkline.bss.usage.importing import tally
from trunkline.bss.usage.mediation import Draft, ingest, rate
from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, OpenUnit, ReadSession, Record, UnitOfWork
from trunkline.kernel.quantity import Unit

RECORDS_PER_TRANSACTION = 500
_HELD = "tenant = $1 and outcome in ('suspended', 'rejected')"


async def list_held(session: ReadSession, context: Context, selection: Selection, limit: int = 100) -> list[Held]:
    """Held records, oldest first."""
    rows = await session.fetch(
        f"""select * from usage.raw_record where {_HELD} and ($2::text is null or reason = $2)
               and (cardinality($3::text[]) = 0 or id = any($3)) order by id limit $4""",
        context.tenant,
        selection.reason,
        list(selection.ids),
        limit,
    )
    return [_held(row) for row in rows]


async def summarise(session: ReadSession, context: Context) -> list[HeldSummary]:
    """How many are held for which reason, and since when; most first."""
    rows = await session.fetch(
        f"""select outcome, reason, count(*) as records, min(received_at) as oldest from usage.raw_record
             where {_HELD} group by outcome, reason order by records desc, reason""",
        context.tenant,
    )
    return [
        HeldSummary(
            outcome=Outcome(row["outcome"]),
            reason=row["reason"],
            records=row["records"],
            oldest_received_at=row["oldest"],
        )
        for row in rows
    ]


async def reprocess(
    open_unit: OpenUnit, selection: Selection, context: Context, reread: Rereader | None = None
) -> Reprocessed:
    """Process held records again, in units of work of 500; what is still not usable stays held with its present reason.

    Suspended records keep the increment that was counted when they came, so nothing is counted again. Rejected ones are
    read anew by `reread`, where their source can be.
    """
    looked_at = 0
    results: list[Ingested] = []
    after = ""
    while True:
        async with open_unit() as uow:
            rows = await _claim(uow, context, selection, after)
            if not rows:
                break
            after = rows[-1]["id"]
            by_outcome: dict[str, list[Record]] = {Outcome.SUSPENDED: [], Outcome.REJECTED: []}
            for row in rows:
                by_outcome[row["outcome"]].append(row)
            results += await _rate_again(uow, by_outcome[Outcome.SUSPENDED], context)
            results += await _read_again(uow, by_outcome[Outcome.REJECTED], context, reread)
            looked_at += len(rows)
    counts: Counts = tally(results)
    return Reprocessed(looked_at=looked_at, counts=counts)


async def reprocess_identifier(uow: UnitOfWork, kind: IdentifierKind, value: str, context: Context) -> Counts:
    """Rate what was held only because nobody had this identifier; at most 10,000 records, the rest by `reprocess`."""
    rows = await uow.fetch(
        """select * from usage.raw_record where tenant = $1 and outcome = 'suspended' and identifier_kind = $2
              and identifier = $3 order by id limit 10000 for update""",
        context.tenant,
        kind,
        value,
    )
    return tally(await _rate_again(uow, rows, context))


async def _claim(uow: UnitOfWork, context: Context, selection: Selection, after: str) -> Sequence[Record]:
    return await uow.fetch(
        f"""select * from usage.raw_record where {_HELD} and id > $2 and ($3::text is null or reason = $3)
               and (cardinality($4::text[]) = 0 or id = any($4)) order by id limit $5 for update""",
        context.tenant,
        after,
        selection.reason,
        list(selection.ids),
        RECORDS_PER_TRANSACTION,
    )


async def _rate_again(uow: UnitOfWork, rows: Sequence[Record], context: Context) -> list[Ingested]:
    if not rows:
        return []
    drafts = [_draft(row) for row in rows]
    await store.insert_usage(uow, await rate(uow, drafts, context))
    await uow.execute(
        """update usage.raw_record r set outcome = n.outcome, reason = n.reason, message = n.message,
                  reprocessed_reason = case when n.outcome = 'suspended' then r.reprocessed_reason else r.reason end,
                  reprocessed_at = $6
             from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as n(id, outcome, reason, message)
            where r.tenant = $1 and r.id = n.id""",
        context.tenant,
        [draft.id for draft in drafts],
        [draft.outcome for draft in drafts],
        [draft.reason for draft in drafts],
        [draft.message for draft in drafts],
        context.now,
    )
    results = []
    for row, draft in zip(rows, drafts, strict=True):
        assert draft.outcome is not None
        results.append(Ingested(outcome=draft.outcome, reason=draft.reason))
        if draft.outcome is not Outcome.SUSPENDED:
            uow.audit(_reprocessed(row, results[-1], context))
    return results


def _reprocessed(row: Record, result: Ingested, context: Context) -> AuditEntry:
    before = {"outcome": row["outcome"], "reason": row["reason"]}
    after = {"outcome": result.outcome, "reason": result.reason}
    return AuditEntry.of(context, "reprocess", "usage", row["id"], before=before, after=after)


async def _read_again(
    uow: UnitOfWork, rows: Sequence[Record], context: Context, reread: Rereader | None
) -> list[Ingested]:
    """Rejected records are taken out, ingested as if new, and put back where that made nothing new of them."""
    again: list[tuple[Record, RawInput]] = []
    for row in rows:
        raw = reread(_kept(row)) if reread is not None else None
        if raw is not None:
            again.append((row, raw))
    untouched = len(rows) - len(again)
    if not again:
        return [Ingested(outcome=Outcome.REJECTED)] * untouched
    ids = [row["id"] for row, _ in again]
    await uow.execute("delete from usage.raw_record where tenant = $1 and id = any($2::text[])", context.tenant, ids)
    results = await ingest(uow, [raw for _, raw in again], context, ids)
    settled = []
    for (row, _), result in zip(again, results, strict=True):
        if result.known:
            await _put_back(uow, row)
            result = Ingested(outcome=Outcome.FREE, reason="repeated")
        if result.outcome is not Outcome.REJECTED:
            await _mark(uow, row, context)
            uow.audit(_reprocessed(row, result, context))
        settled.append(result)
    return settled + [Ingested(outcome=Outcome.REJECTED)] * untouched


async def _put_back(uow: UnitOfWork, row: Record) -> None:
    """What it says had come in another record: it stays as a repetition, so that the counts still add up."""
    values = dict(row) | {"outcome": Outcome.FREE, "reason": "repeated", "message": None}
    await store.insert_raw(uow, [tuple(values[name] for name, _ in store.RAW_COLUMNS)])


async def _mark(uow: UnitOfWork, row: Record, context: Context) -> None:
    await uow.execute(
        "update usage.raw_record set reprocessed_reason = $3, reprocessed_at = $4 where tenant = $1 and id = $2",
        context.tenant,
        row["id"],
        row["reason"],
        context.now,
    )


def _draft(row: Record) -> Draft:
    """The draft a suspended record was; its outcome is open again."""
    occurred_at, original_at = row["occurred_at"], row["original_at"]
    return Draft(
        id=row["id"],
        dedupe_key=row["dedupe_key"],
        origin=Origin(
            source=row["source"],
            source_ref=row["source_ref"],
            received_at=row["received_at"],
            shift=occurred_at - original_at,
        ),
        body={},
        original_at=original_at,
        identifier_kind=IdentifierKind(row["identifier_kind"]) if row["identifier_kind"] else None,
        identifier=row["identifier"],
        began_at=row["began_at"],
        usage_type=row["usage_type"],
        quantity=row["quantity"],
        cumulative=row["cumulative"],
        unit=Unit(row["unit"]),
        facts=msgspec.json.decode(row["facts"]),
    )


def _kept(row: Record) -> Kept:
    return Kept(
        id=row["id"],
        dedupe_key=row["dedupe_key"],
        source=row["source"],
        source_ref=row["source_ref"],
        batch_id=row["batch_id"],
        received_at=row["received_at"],
        body=msgspec.json.decode(row["body"]),
    )


def _held(row: Record) -> Held:
    return Held(
        id=row["id"],
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        message=row["message"],
        source=row["source"],
        source_ref=row["source_ref"],
        received_at=row["received_at"],
        occurred_at=row["occurred_at"],
        identifier=row["identifier"],
        quantity=row["quantity"],
        unit=row["unit"],
    )

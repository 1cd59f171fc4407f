"""Whole files: batch by batch, each a transaction, so that a killed import goes on when the file is fed again."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator

from trunkline.bss.usage.contracts import Counts, File, ImportReport, Ingested, Outcome, RawInput
from trunkline.bss.usage.mediation import ingest
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import TrunklineError
from trunkline.kernel.ids import new_id

RECORDS_PER_TRANSACTION = 1_000


async def import_records(
    database: Database,
    file: File,
    read: Callable[[str], Iterable[RawInput]],
    context: Context,
    progress: Callable[[int], Awaitable[None]] | None = None,
) -> ImportReport:
    """Feed a file's records; feeding it again, also after a crash in the middle, changes nothing more.

    read      gives the records, lazily, for the batch with this id
    progress  is told after each transaction how many records it took

    What the reading raises of our own errors is raised after what was read before it is stored; the batch is completed
    then, since no more comes of this file. The mended file is another one: fed later, it brings what is new in it.
    """
    batch_id = await _open(database, file, context)
    try:
        report = await _take(database, file, batch_id, read(batch_id), context, progress)
    except TrunklineError:
        await _complete(database, batch_id, context)
        raise
    await _complete(database, batch_id, context)
    return report


async def _take(
    database: Database,
    file: File,
    batch_id: str,
    records: Iterable[RawInput],
    context: Context,
    progress: Callable[[int], Awaitable[None]] | None,
) -> ImportReport:
    outcomes: Counter[tuple[Outcome, str | None]] = Counter()
    known = 0
    for part in _parts(records):
        async with database.unit_of_work() as uow:
            results = await ingest(uow, part, context)
            new = [result for result in results if not result.known]
            await uow.execute(
                """update usage.batch set records_in = records_in + $3, records_known = records_known + $4
                    where tenant = $1 and id = $2""",
                context.tenant,
                batch_id,
                len(new),
                len(part) - len(new),
            )
        outcomes.update((result.outcome, result.reason) for result in new)
        known += len(part) - len(new)
        if progress is not None:
            await progress(len(part))
    return ImportReport(
        batch_id=batch_id,
        name=file.name,
        counts=counts_of(outcomes, known),
        suspended_by_reason=_reasons(outcomes, Outcome.SUSPENDED),
        rejected_by_reason=_reasons(outcomes, Outcome.REJECTED),
    )


def _parts(records: Iterable[RawInput]) -> Iterator[list[RawInput]]:
    """The records a transaction's worth at a time; where the reading fails, those before it first."""
    part: list[RawInput] = []
    try:
        for record in records:
            part.append(record)
            if len(part) == RECORDS_PER_TRANSACTION:
                yield part
                part = []
    except TrunklineError:
        if part:
            yield part
        raise
    if part:
        yield part


async def _complete(database: Database, batch_id: str, context: Context) -> None:
    async with database.unit_of_work() as uow:
        await uow.execute(
            "update usage.batch set state = 'completed', completed_at = $3 where tenant = $1 and id = $2",
            context.tenant,
            batch_id,
            context.now,
        )


async def _open(database: Database, file: File, context: Context) -> str:
    async with database.unit_of_work() as uow:
        batch_id = await uow.fetch_value(
            """insert into usage.batch(tenant, id, name, sha256, mapping, state, started_at, records_in, records_known)
               values ($1, $2, $3, $4, $5, 'running', $6, 0, 0)
               on conflict (tenant, sha256, mapping) do update set state = 'running', records_known = 0, completed_at = null
               returning id""",
            context.tenant,
            new_id(),
            file.name,
            file.sha256,
            file.mapping,
            context.now,
        )
        return str(batch_id)


def counts_of(outcomes: Counter[tuple[Outcome, str | None]], known: int = 0) -> Counts:
    """Records by outcome."""
    sums: Counter[Outcome] = Counter()
    for (outcome, _), number in outcomes.items():
        sums[outcome] += number
    return Counts(
        rated=sums[Outcome.RATED],
        free=sums[Outcome.FREE],
        suspended=sums[Outcome.SUSPENDED],
        rejected=sums[Outcome.REJECTED],
        known=known,
    )


def tally(results: Iterable[Ingested]) -> Counts:
    """Results by outcome, those that had come before apart."""
    outcomes: Counter[tuple[Outcome, str | None]] = Counter()
    known = 0
    for result in results:
        if result.known:
            known += 1
        else:
            outcomes[result.outcome, result.reason] += 1
    return counts_of(outcomes, known)


def _reasons(outcomes: Counter[tuple[Outcome, str | None]], wanted: Outcome) -> dict[str, int]:
    return {reason or "": number for (outcome, reason), number in outcomes.items() if outcome is wanted}

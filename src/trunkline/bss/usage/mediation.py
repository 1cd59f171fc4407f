"""The one pipeline all records pass, alone or by hundreds: known? – which session, what is new – whose – at what price.

One call is part of one unit of work. Records that came before change nothing; every other one gets exactly one outcome.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from trunkline.bss.usage import store
from trunkline.bss.usage.contracts import (
    IdentifierKind,
    Ingested,
    Origin,
    Outcome,
    RawAccounting,
    RawInput,
    Refused,
    UsageEvent,
)
from trunkline.bss.usage.identification import Owners
from trunkline.bss.usage.model.accounting import AccountingRecord, Status, read_attributes, refused_key
from trunkline.bss.usage.model.session import Closure, Session, apply
from trunkline.bss.usage.tariff import Tariffs
from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.events.event import event
from trunkline.kernel.ids import new_id
from trunkline.kernel.period import zone
from trunkline.kernel.quantity import Unit

SESSION_STARTED = "UsageSessionStarted"
DATA = "data"
_RESTARTS = (Status.ON, Status.OFF)
_Key = tuple[str, str, int]
_Line = tuple[str, str | None, str | None]


class Draft(msgspec.Struct, kw_only=True):
    """A record on its way to its outcome."""

    id: str
    dedupe_key: str
    origin: Origin
    body: dict[str, Any]
    outcome: Outcome | None = None
    reason: str | None = None
    message: str | None = None
    original_at: datetime | None = None
    identifier_kind: IdentifierKind | None = None
    identifier: str | None = None
    began_at: datetime | None = None
    usage_type: str | None = None
    quantity: int = 0
    cumulative: int = 0
    unit: Unit | None = None
    session: tuple[str, str, int] | None = None
    facts: dict[str, str] = {}

    @property
    def occurred_at(self) -> datetime | None:
        """The instant in the installation's time; the period it is billed in."""
        return None if self.original_at is None else self.original_at + self.origin.shift


class _Sessions:
    """The sessions a batch touches, in memory until they are stored together."""

    def __init__(self, found: Iterable[Session]) -> None:
        self._generations: dict[tuple[str, str], dict[int, Session]] = defaultdict(dict)
        self._on_port: dict[_Line, dict[_Key, Session]] = defaultdict(dict)
        for session in found:
            self._place(session)
        self._changed: dict[_Key, Session] = {}
        self.restarts: list[tuple[str, datetime]] = []
        self.begun: list[Session] = []

    def apply(self, record: AccountingRecord) -> tuple[Session, int, dict[str, str]]:
        generations = self._generations[record.nas, record.session_id]
        applied = apply(list(generations.values()), record)
        self._keep(applied.session)
        if applied.began:
            self.begun.append(applied.session)
            for other in list(self._on_port[_line_of(applied.session)].values()):
                if other.ends_with(applied.session):
                    self._keep(other.closed(applied.session.started_at, Closure.SUCCESSOR))
        facts = {"inputOctets": str(applied.input_added), "outputOctets": str(applied.output_added)}
        return applied.session, applied.added, facts

    def restart(self, nas: str, at: datetime) -> None:
        self.restarts.append((nas, at))
        for session in [s for generations in self._generations.values() for s in generations.values()]:
            if session.nas == nas and session.ends_with_restart(at):
                self._keep(session.closed(at, Closure.RESTART))

    def changed(self) -> list[Session]:
        return list(self._changed.values())

    def _keep(self, session: Session) -> None:
        self._place(session)
        self._changed[_key_of(session)] = session

    def _place(self, session: Session) -> None:
        self._generations[session.nas, session.session_id][session.generation] = session
        self._on_port[_line_of(session)][_key_of(session)] = session


async def ingest(
    uow: UnitOfWork, inputs: Sequence[RawInput], context: Context, ids: Sequence[str] | None = None
) -> list[Ingested]:
    """Take these records in, in their order; one `Ingested` each. `ids` are given when kept records are read again.

    Events: UsageSessionStarted for a session that begins on a live network.
    """
    read = [_read(raw, ids[n] if ids else new_id()) for n, raw in enumerate(inputs)]
    drafts = [draft for draft, _ in read]
    records = [record for _, record in read if isinstance(record, AccountingRecord) and record.status not in _RESTARTS]
    keys = sorted({(record.nas, record.session_id) for record in records})
    await store.lock_sessions(uow, context.tenant, keys)
    known = {
        key: Ingested(outcome=Outcome(row["outcome"]), known=True, reason=row["reason"])
        for key, row in (await store.known_keys(uow, context.tenant, [draft.dedupe_key for draft in drafts])).items()
    }
    sessions = _Sessions(await store.load_sessions(uow, context.tenant, keys) if keys else ())
    fresh: dict[str, Draft] = {}
    for draft, record in read:
        if draft.dedupe_key not in known and draft.dedupe_key not in fresh:
            fresh[draft.dedupe_key] = draft
            _count(draft, record, sessions)
    stored = await settle(uow, list(fresh.values()), context)
    await _store_sessions(uow, sessions, context)
    _announce(uow, sessions, fresh.values(), context)
    results = []
    for draft in drafts:
        first = fresh.get(draft.dedupe_key)
        if first is None:
            results.append(known[draft.dedupe_key])
        else:
            assert first.outcome is not None
            results.append(Ingested(outcome=first.outcome, known=draft.id not in stored, reason=first.reason))
    return results


async def settle(uow: UnitOfWork, drafts: Sequence[Draft], context: Context) -> set[str]:
    """Decide the outcome of drafts that are counted, and store them with their usage. Returns the ids that were new."""
    rated = await rate(uow, drafts, context)
    stored = await store.insert_raw(uow, [_raw_row(context.tenant, draft) for draft in drafts])
    await store.insert_usage(uow, [row for row in rated if row[1] in stored])
    return stored


async def rate(uow: UnitOfWork, drafts: Sequence[Draft], context: Context) -> list[tuple[Any, ...]]:
    """Find whose each counted draft is and what it costs; sets outcome and reason, returns the usage rows."""
    open_ = [draft for draft in drafts if draft.outcome is None]
    owners = await Owners.of(uow, context.tenant, open_)
    tariffs = Tariffs(uow, context)
    rows = []
    for draft in open_:
        owner = owners.find(draft.identifier_kind, draft.identifier, draft.occurred_at, draft.began_at)
        try:
            if owner is None:
                raise owners.unknown(draft.identifier_kind, draft.identifier)
            assert draft.unit is not None
            assert draft.occurred_at is not None
            charge = await tariffs.charge(
                owner.product_id, draft.unit, draft.cumulative, draft.quantity, draft.occurred_at
            )
        except Refused as refused:
            draft.outcome, draft.reason, draft.message = Outcome.SUSPENDED, refused.code, refused.reason
            continue
        draft.outcome, draft.reason, draft.message = charge.outcome, charge.reason, None
        rows.append(
            (
                *(context.tenant, draft.id, owner.product_id, owner.account_id, charge.price_id, draft.usage_type),
                *(
                    draft.quantity,
                    draft.unit,
                    charge.micros,
                    charge.currency,
                    store.json_text(charge.facts | draft.facts),
                ),
                *(draft.occurred_at, context.now),
            )
        )
    return rows


def _read(raw: RawInput, id_: str) -> tuple[Draft, AccountingRecord | UsageEvent | Refused]:
    if isinstance(raw, RawAccounting):
        read: AccountingRecord | UsageEvent | Refused
        try:
            read = read_attributes(raw.attributes, raw.origin.received_at, zone(raw.zone))
            key = read.dedupe_key
        except Refused as refused:
            read, key = refused, refused_key(raw.attributes)
        return Draft(id=id_, dedupe_key=key, origin=raw.origin, body=raw.attributes), read
    key = raw.refused_key if isinstance(raw.read, Refused) else raw.read.dedupe_key
    return Draft(id=id_, dedupe_key=key, origin=raw.origin, body=raw.body), raw.read


def _count(draft: Draft, read: AccountingRecord | UsageEvent | Refused, sessions: _Sessions) -> None:
    """What is new in the record; a draft that still has no outcome afterwards has something to rate."""
    if isinstance(read, Refused):
        draft.outcome, draft.reason, draft.message = Outcome.REJECTED, read.code, read.reason
        return
    if isinstance(read, UsageEvent):
        draft.original_at, draft.began_at = read.occurred_at, None
        draft.identifier_kind, draft.identifier = read.identifier_kind, read.identifier
        draft.usage_type, draft.unit, draft.facts = read.usage_type, read.unit, read.facts
        draft.quantity = draft.cumulative = read.quantity
        if read.free_reason is not None:
            draft.outcome, draft.reason = Outcome.FREE, read.free_reason
        elif read.quantity == 0:
            draft.outcome, draft.reason = Outcome.FREE, "nothing-used"
        return
    draft.original_at = read.event_at
    if read.status in _RESTARTS:
        draft.outcome, draft.reason = Outcome.FREE, "restart"
        sessions.restart(read.nas, read.event_at)
        return
    session, draft.quantity, draft.facts = sessions.apply(read)
    draft.session = (session.nas, session.session_id, session.generation)
    draft.began_at = session.started_at + draft.origin.shift
    draft.identifier_kind, draft.identifier = IdentifierKind.RADIUS_USER, session.user
    draft.usage_type, draft.unit, draft.cumulative = DATA, Unit.OCTET, session.octets
    if draft.quantity == 0:
        draft.outcome, draft.reason = Outcome.FREE, "nothing-new"


def _key_of(session: Session) -> _Key:
    return session.nas, session.session_id, session.generation


def _line_of(session: Session) -> _Line:
    return session.nas, session.port, session.user


async def _store_sessions(uow: UnitOfWork, sessions: _Sessions, context: Context) -> None:
    """What is not in memory is closed by rule in the database first; then the batch's own sessions as they are."""
    for nas, at in sessions.restarts:
        await store.close_for_restart(uow, context.tenant, nas, at)
    await store.close_for_successors(uow, context.tenant, sessions.begun)
    await store.put_sessions(uow, context.tenant, sessions.changed())


def _announce(uow: UnitOfWork, sessions: _Sessions, drafts: Iterable[Draft], context: Context) -> None:
    live = {draft.session: draft.origin for draft in drafts if draft.session and draft.origin.source == "radius"}
    for session in sessions.begun:
        origin = live.get((session.nas, session.session_id, session.generation))
        if origin is not None and session.user is not None:
            payload = {
                "userName": session.user,
                "occurredAt": (session.started_at + origin.shift).isoformat(),
                "nas": session.nas,
                "sessionId": session.session_id,
            }
            uow.publish(
                event(
                    context,
                    SESSION_STARTED,
                    source="usage",
                    resource="usageSession",
                    resource_id=f"{session.nas}/{session.session_id}/{session.generation}",
                    payload=payload,
                )
            )


def _raw_row(tenant: str, draft: Draft) -> tuple[Any, ...]:
    nas, session_id, generation = draft.session or (None, None, None)
    return (
        *(tenant, draft.id, draft.dedupe_key, draft.origin.source, draft.origin.source_ref, draft.origin.batch_id),
        *(draft.origin.received_at, draft.original_at, draft.occurred_at, draft.outcome, draft.reason, draft.message),
        *(draft.identifier_kind, draft.identifier, draft.began_at, draft.usage_type, draft.quantity, draft.cumulative),
        *(draft.unit, nas, session_id, generation, store.json_text(draft.facts), store.json_text(draft.body)),
    )

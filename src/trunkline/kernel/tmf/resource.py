"""A record resource: one declaration gives create, read, list, patch, move, delete, history, events and audit.

The document is the truth; the entity is a typed view of it. What others call on a domain's records is here, and what may
be done is decided here; how it is written is in `recorder`, HTTP in `router`, SQL text in `store`, conditions in
`sql_filter`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession, UnitOfWork
from trunkline.kernel.errors import Conflict, Invalid, MethodNotAllowed, Precondition
from trunkline.kernel.events.event import Event
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.apis import api_path
from trunkline.kernel.tmf.crossing import Crossing, forget_crossings, keep_crossings
from trunkline.kernel.tmf.document import Document, decode, difference, merge_patch
from trunkline.kernel.tmf.entity import EntityInfo
from trunkline.kernel.tmf.life_cycle import LifeCycle
from trunkline.kernel.tmf.normalise import normalise
from trunkline.kernel.tmf.page import Page, read_page
from trunkline.kernel.tmf.query import Clause, Query
from trunkline.kernel.tmf.recorder import Recorder, Stored
from trunkline.kernel.tmf.reference import Reference, Referrer, check_references, check_unreferenced
from trunkline.kernel.tmf.sql_filter import Filters
from trunkline.kernel.tmf.store import Statements, hot_column, sql_name, statements
from trunkline.kernel.tmf.validate import check_document, check_lengths, check_type, id_problem, missing

_PLAIN_IN_PATH = "-._~:@!$'()*,;=+"  # RFC 3986, section 3.3: what a path segment holds as it is

E = TypeVar("E", bound=msgspec.Struct)
Prepare = Callable[[UnitOfWork, Document, Context], Awaitable[None]]
Announce = Callable[[Document, Context], Event | Iterable[Event] | None]
BeforeDelete = Callable[[UnitOfWork, str, Context], Awaitable[None]]
_P = TypeVar("_P", bound=Prepare)
_D = TypeVar("_D", bound=BeforeDelete)
_A = TypeVar("_A", bound=Announce)
_C = TypeVar("_C", bound=Callable[[Document], object])


class Resource(Generic[E]):
    """A declared TMF resource.

    entity       generated typed view
    info         generated facts: name, path, mandatory attributes, states, events, operations
    domain       package name of the owning domain; also its PostgreSQL schema
    life_cycle   table of moves; None for a resource without states
    hot          attributes with a column of their own
    index        further dotted paths whose values are found through the token index; of a view: all that are
    references   what must be there, in the same half
    relation     for projections of engine domains: the SQL view to read; then `writable` is False
    operations   what HTTP offers; by default what the contract names
    unavailable  for a task whose engine is not there: why a create is answered 501
    table        the table's name, where two resources of a domain share theirs
    """

    def __init__(
        self,
        entity: type[E],
        info: EntityInfo,
        *,
        domain: str,
        life_cycle: LifeCycle | None = None,
        hot: Sequence[str] = (),
        index: Sequence[str] = (),
        references: Sequence[Reference] = (),
        relation: str | None = None,
        writable: bool = True,
        operations: Sequence[str] | None = None,
        unavailable: str | None = None,
        table: str | None = None,
    ) -> None:
        self.entity = entity
        self.info = info
        self.name = info.resource
        self.domain = domain
        self.life_cycle = life_cycle
        self.state_attribute = life_cycle.attribute if life_cycle else info.state_attribute
        self.table = table or sql_name(info.resource)
        self.unavailable = unavailable
        self.hot = tuple(hot_column(entity, attribute) for attribute in hot)
        self.index = tuple(index)
        texts = [column.attribute for column in self.hot if column.type == "text"]
        self._indexed = (*texts, *([self.state_attribute] if self.state_attribute else []))
        self.references: tuple[Reference, ...] = ()
        self.crossings: tuple[Crossing, ...] = ()
        self.referrers: list[Referrer] = []
        self.refer(*references)
        self.relation = relation or f"{domain}.{self.table}"
        self.writable = writable
        self.operations = tuple(operations if operations is not None else info.operations)
        self.base_path = f"{api_path(info.api, max(info.generations))}/{info.resource}"
        self.sql: Statements = statements(self.relation, f"{self.relation}_history", self.hot)
        self.filters = Filters(entity, self.state_attribute, self.hot, self.index, only_index=not writable)
        self._recorder = Recorder(
            info,
            self.sql,
            domain=domain,
            table=self.table,
            relation=self.relation,
            state_attribute=self.state_attribute,
            hot=self.hot,
            index=self.index,
        )
        self._prepare: list[Prepare] = []
        self._checks: list[Callable[[Document], object]] = []
        self._after_create: list[Prepare] = []
        self._before_delete: list[BeforeDelete] = []
        self._on_create: list[Announce] = []
        self._on_move: dict[str, list[Announce]] = {}

    # declarations -------------------------------------------------------------------------------------------------

    def refer(self, *references: Reference) -> None:
        """Declare further references, where they cannot be named yet when the resource is: to its own records."""
        self.references += references
        for reference in references:
            for target in reference.to:
                target.referrers.append(Referrer(self, f"{reference.path.replace('[*]', '')}.id"))

    def cross(self, *crossings: Crossing) -> None:
        """Declare which of the record's references lead to the other half; once, where both are known."""
        self.crossings = crossings

    def prepare(self, function: _P) -> _P:
        """Declare an async function that completes a new document, once its form is checked, with what the server sets."""
        self._prepare.append(function)
        return function

    def check(self, function: _C) -> _C:
        """Declare a pure function that refuses what the form allows and the domain cannot use: of a new document, once it
        is prepared, and of each later version."""
        self._checks.append(function)
        return function

    def after_create(self, function: _P) -> _P:
        """Declare an async function that carries out what the new record asks for, in the same unit of work: a task."""
        self._after_create.append(function)
        return function

    def before_delete(self, function: _D) -> _D:
        """Declare an async function (unit of work, id, context) that refuses a deletion, or clears what goes with the
        record; its row is locked."""
        self._before_delete.append(function)
        return function

    def on_create(self, function: _A) -> _A:
        """Declare a pure function that answers a creation with further events."""
        self._on_create.append(function)
        return function

    def on_move(self, state: str) -> Callable[[_A], _A]:
        """Declare a pure function that answers the arrival in a state with further events."""

        def declare(function: _A) -> _A:
            self._on_move.setdefault(state, []).append(function)
            return function

        return declare

    # reading ------------------------------------------------------------------------------------------------------

    def view(self, document: Document) -> E:
        """The document as its typed entity."""
        return msgspec.convert(document, self.entity)

    async def find(self, session: ReadSession, id_: str, context: Context) -> Document | None:
        """The document, or None."""
        row = await session.fetch_row(self.sql.get, context.tenant, id_)
        return None if row is None else decode(row["doc"])

    async def get(self, session: ReadSession, id_: str, context: Context, *, at: datetime | None = None) -> Document:
        """The document, as it is or as it was `at` a past instant. Raises NotFound."""
        document: Document = decode((await self.get_text(session, id_, context, at=at))[0])
        return document

    async def get_text(
        self, session: ReadSession, id_: str, context: Context, *, at: datetime | None = None
    ) -> tuple[str, int]:
        """The document's JSON text and version, without decoding it. Raises NotFound."""
        if at is None:
            row = await session.fetch_row(self.sql.get, context.tenant, id_)
        elif not self.writable:
            raise Invalid(
                "notOffered",
                f"No earlier versions are kept of a {self.name}.",
                message="It is computed from records that do not change.",
                path="asOf",
                hint="Read it without asOf.",
            )
        else:
            row = await session.fetch_row(self.sql.as_of, context.tenant, id_, at)
        if row is None:
            raise self._recorder.not_found(id_)
        return row["doc"], row["version"]

    async def lock(self, uow: UnitOfWork, id_: str, context: Context) -> Document:
        """The document, with its row locked until the unit of work ends. Raises NotFound."""
        return (await self._recorder.locked(uow, id_, context)).document

    async def existing(self, session: ReadSession, ids: list[str], context: Context) -> set[str]:
        """Those of the ids that are there."""
        return {row["id"] for row in await session.fetch(self.sql.exists, context.tenant, ids)}

    async def get_many(self, session: ReadSession, ids: Sequence[str], context: Context) -> dict[str, Document]:
        """Those of the records that are there, by id."""
        rows = await session.fetch(self.sql.several, context.tenant, list(ids)) if ids else ()
        return {row["id"]: decode(row["doc"]) for row in rows}

    async def hold(self, uow: UnitOfWork, ids: list[str], context: Context) -> set[str]:
        """Those of the ids that are there, and cannot be deleted until the unit of work ends."""
        statement = self.sql.hold if self.writable else self.sql.exists
        return {row["id"] for row in await uow.fetch(statement, context.tenant, ids)}

    async def select(
        self,
        session: ReadSession,
        context: Context,
        equals: Mapping[str, str | Sequence[str]] | None = None,
        *,
        limit: int = 100,
    ) -> list[Document]:
        """Documents by equality with a value or any of several, in order of id: `{"relatedParty.id": "x"}`."""
        clauses = tuple(
            Clause(path, "eq", (value,) if isinstance(value, str) else tuple(value))
            for path, value in (equals or {}).items()
        )
        page = await read_page(session, self, Query(clauses=clauses, limit=limit), context, count=False)
        return [decode(text) for text in page.texts]

    async def page(self, session: ReadSession, query: Query, context: Context) -> Page:
        """One page of a list, as JSON texts, with the total."""
        return await read_page(session, self, query, context)

    # commands -----------------------------------------------------------------------------------------------------

    async def create(
        self, uow: UnitOfWork, document: Document, context: Context, *, required: tuple[str, ...] | None = None
    ) -> Document:
        """Store a new record and return its document.

        required  what is mandatory, where that is not what the contract of the newest generation says
        The server gives `id` where the client names none, `href` and a missing `@type`. Raises Invalid with all field
        errors, Unprocessable for unknown references, Conflict when the id is taken.
        Events: <Name>CreateEvent, then what `on_create` adds.
        """
        return (await self.create_versioned(uow, document, context, required=required))[0]

    async def create_versioned(
        self, uow: UnitOfWork, document: Document, context: Context, *, required: tuple[str, ...] | None = None
    ) -> tuple[Document, int]:
        """As `create`, with the record's version: more than the first where what follows from the create changes it."""
        self._writable("create")
        document = self._identified(document)
        check_document(self.entity, document, self.info.required if required is None else required)
        check_type(self.info, document)
        if self.life_cycle:
            self.life_cycle.check_known(document[self.life_cycle.attribute])
        for function in self._prepare:
            await function(uow, document, context)
        if self.life_cycle:
            self.life_cycle.check_entry(document[self.life_cycle.attribute])
        document = self._storable(document)
        if self.references:
            await check_references(uow, self.references, (document,), context)
        if self.crossings:
            await keep_crossings(uow, self.crossings, self.name, document, context, again=False)
        self._recorder.create(uow, document, context)
        for announce in self._on_create:
            _publish(uow, announce(document, context))
        for function in self._after_create:
            await function(uow, document, context)
        if not self._after_create:
            return document, 1
        text, version = await self.get_text(uow, document["id"], context)
        return decode(text), version

    def completed(self, sent: Document) -> Document:
        """A record of elsewhere as it would be stored here: identified, checked by itself, in its one form. Mandatory is
        what all generations ask for. Raises Invalid with all field errors."""
        document = self._identified(sent)
        check_document(self.entity, document, self._required_of_all)
        check_type(self.info, document)
        if self.life_cycle:
            self.life_cycle.check_known(document[self.life_cycle.attribute])
        return self._storable(document)

    async def take_over(self, uow: UnitOfWork, documents: Sequence[Document], context: Context) -> None:
        """Store `completed` records of elsewhere as they were there, in whatever state: for imports.

        Nothing is filled in by `prepare` and nothing follows (`on_create`, `after_create`): what those ask for would
        happen twice, or never. A record of such a resource is taken over in a final state only. Raises Conflict,
        Unprocessable for unknown references; then the unit of work cannot go on. Events: <Name>CreateEvent each.
        """
        self._writable("create")
        if self.has_work:
            for document in documents:
                self._check_ended(document)
        await self._recorder.create_many(uow, documents, context)
        if self.references:
            await check_references(uow, self.references, documents, context)
        for document in documents if self.crossings else ():
            await keep_crossings(uow, self.crossings, self.name, document, context, again=False)

    async def patch(
        self, uow: UnitOfWork, id_: str, patch: Document, context: Context, *, if_match: int | None = None
    ) -> Document:
        """Apply a merge patch (RFC 7396) and return the new document. Raises as `change`."""
        if not isinstance(patch, dict):
            raise Invalid("invalidPatch", "A merge patch is an object.", path="$")
        return await self.change(uow, id_, lambda before: merge_patch(before, patch), context, if_match=if_match)

    async def move(self, uow: UnitOfWork, id_: str, state: str, context: Context, **attributes: Any) -> Document:
        """Move the record to a state, setting further attributes with it. The same state is no move."""
        if self.state_attribute is None:
            raise MethodNotAllowed("noStates", f"A {self.name} has no states.")
        return await self.patch(uow, id_, {**attributes, self.state_attribute: state}, context)

    async def change(
        self,
        uow: UnitOfWork,
        id_: str,
        edit: Callable[[Document], Document],
        context: Context,
        *,
        if_match: int | None = None,
        guard: Callable[[Document, Document], None] | None = None,
    ) -> Document:
        """Edit the document under its row lock and store the result as a new version; equal means nothing is written.

        guard  called with the documents before and after, to refuse what a client may not change
        Raises NotFound, Precondition when `if_match` is not the version, Invalid, Unprocessable, Conflict for an
        illegal move. Events: <Name>StateChangeEvent for a move, <Name>AttributeValueChangeEvent for the rest.
        """
        self._writable("patch")
        stored = await self._recorder.locked(uow, id_, context)
        self._check_version(stored, if_match)
        before = stored.document
        after = edit(before)
        if guard:
            guard(before, after)
        # What was not there before, because an older generation does not ask for it, need not be there now.
        absent = {problem.path for problem in missing(before, self.info.required)}
        check_document(self.entity, after, tuple(path for path in self.info.required if f"$.{path}" not in absent))
        after = self._storable(after)
        old, new = difference(before, after)
        if not old and not new:
            return before
        state = self._moved(before, after)
        if self.references and any(
            reference.path.split(".")[0].removesuffix("[*]") in new for reference in self.references
        ):
            await check_references(uow, self.references, (after,), context)
        if any(crossing.attribute in old or crossing.attribute in new for crossing in self.crossings):
            await keep_crossings(uow, self.crossings, self.name, after, context, again=True)
        self._recorder.change(uow, stored, after, context, old=old, new=new)
        for announce in self._on_move.get(state, ()) if state else ():
            _publish(uow, announce(after, context))
        return after

    async def delete(self, uow: UnitOfWork, id_: str, context: Context, *, if_match: int | None = None) -> None:
        """Remove the record; its history stays. Raises NotFound, Precondition, Conflict that names what refers to it.
        Event: <Name>DeleteEvent."""
        self._writable("delete")
        stored = await self._recorder.locked(uow, id_, context, to_delete=True)
        self._check_version(stored, if_match)
        if self.life_cycle:
            state = str(stored.document.get(self.life_cycle.attribute))
            self.life_cycle.check_deletable(self.name, id_, state)
        await check_unreferenced(uow, self, id_, context)
        for function in self._before_delete:
            await function(uow, id_, context)
        if self.crossings:
            await forget_crossings(uow, self.name, id_, context)
        self._recorder.delete(uow, stored, context)

    # inside -------------------------------------------------------------------------------------------------------

    @property
    def has_work(self) -> bool:
        """Whether a create is more than a record: something follows from it."""
        return bool(self._prepare or self._on_create or self._after_create or self.unavailable)

    @cached_property
    def _required_of_all(self) -> tuple[str, ...]:
        """What every generation makes mandatory: a record may have come by any of them."""
        face = self.info.face
        return tuple(path for path in self.info.required if face is None or face.older_path(path) in face.required)

    def _identified(self, sent: Document) -> Document:
        """A copy with id, link, class and state, where the sender named none. Raises Invalid for an unfit id."""
        id_ = new_id() if sent.get("id") is None else sent["id"]
        problem = id_problem(id_)
        if problem:
            raise problem
        document = {**sent, "id": id_, "href": f"{self.base_path}/{quote(id_, safe=_PLAIN_IN_PATH)}"}
        document.setdefault("@type", self.info.name)
        if self.life_cycle:
            document.setdefault(self.life_cycle.attribute, self.life_cycle.initial)
        return document

    def _check_ended(self, document: Document) -> None:
        cycle = self.life_cycle
        state = str(document[cycle.attribute]) if cycle else ""
        if cycle is None or cycle.moves.get(state):
            raise Conflict(
                "workWouldBeLost",
                f"A {self.name} in work cannot be imported: nobody would go on with it.",
                message=f"It is {state}. Import it once it has ended, or capture it as a new one." if state else None,
                path=f"$.{cycle.attribute}" if cycle else "$",
                allowed=sorted(known for known in cycle.states if not cycle.moves.get(known)) if cycle else None,
            )

    def _storable(self, document: Document) -> Document:
        for check in self._checks:
            check(document)
        document = normalise(document, self.entity, typed=5 in self.info.generations)
        check_lengths(document, self._indexed)
        return document

    def _check_version(self, stored: Stored, if_match: int | None) -> None:
        if if_match is not None and if_match != stored.version:
            raise Precondition(
                "versionMoved",
                f"{self.name} {stored.document['id']} has changed since you read it.",
                message=f"You named version {if_match}, it is at {stored.version}. Nothing was changed; read it again.",
            )

    def _moved(self, before: Document, after: Document) -> str | None:
        """The state the record moves to, where it moves. Raises Conflict for an illegal move, Invalid for no state."""
        attribute = self.state_attribute
        if attribute is None or before.get(attribute) == after.get(attribute):
            return None
        state = after.get(attribute)
        if self.life_cycle:
            if not isinstance(state, str):
                raise Invalid("stateMissing", "The state cannot be removed.", path=f"$.{attribute}")
            self.life_cycle.check_move(self.name, before["id"], str(before.get(attribute)), state)
        return state

    def _writable(self, operation: str) -> None:
        if not self.writable:
            raise MethodNotAllowed("readOnly", f"A {self.name} cannot be written through this call ({operation}).")


def _publish(uow: UnitOfWork, events: Event | Iterable[Event] | None) -> None:
    if isinstance(events, Event):
        uow.publish(events)
    elif events:
        uow.publish(*events)

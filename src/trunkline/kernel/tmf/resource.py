"""A record resource: one declaration gives create, read, list, patch, move, delete, history, events and audit.

The document is the truth; the entity is a typed view of it. What others call on a domain's records is here; HTTP is in
`router`, SQL text in `store`, conditions in `sql_filter`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, ReadSession, UnitOfWork, Write
from trunkline.kernel.errors import Conflict, Invalid, MethodNotAllowed, NotFound, Precondition
from trunkline.kernel.events.event import Event, event
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.apis import api_path, get_api
from trunkline.kernel.tmf.document import Document, decode, difference, encode, merge_patch, tokens_of
from trunkline.kernel.tmf.entity import EntityInfo
from trunkline.kernel.tmf.life_cycle import LifeCycle
from trunkline.kernel.tmf.normalise import normalise
from trunkline.kernel.tmf.page import Page, read_page
from trunkline.kernel.tmf.query import Clause, Query
from trunkline.kernel.tmf.reference import Reference, check_references
from trunkline.kernel.tmf.schema import attribute_type
from trunkline.kernel.tmf.sql_filter import Filters
from trunkline.kernel.tmf.store import COLUMN_TYPES, HotColumn, Statements, archive_sql, statements
from trunkline.kernel.tmf.validate import check_document, id_problem

HOT_LENGTH_MAX = 400
"""Characters of a text with a column of its own: its index entry holds the id beside it and has to fit a third of a page."""
_PLAIN_IN_PATH = "-._~:@!$'()*,;=+"  # RFC 3986, section 3.3: what a path segment holds as it is

E = TypeVar("E", bound=msgspec.Struct)
Prepare = Callable[[UnitOfWork, Document, Context], Awaitable[None]]
Announce = Callable[[Document, Context], Event | Iterable[Event] | None]
_P = TypeVar("_P", bound=Prepare)
_A = TypeVar("_A", bound=Announce)


class Resource(Generic[E]):
    """A declared TMF resource.

    entity       generated typed view
    info         generated facts: name, path, mandatory attributes, states, events, operations
    domain       package name of the owning domain; also its PostgreSQL schema
    life_cycle   table of moves; None for a resource without states
    hot          attributes with a column of their own
    index        further dotted paths whose values are found through the token index
    references   what must be there, in the same half
    relation     for projections of engine domains: the SQL view to read; then `writable` is False
    operations   what HTTP offers; by default what the contract names
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
    ) -> None:
        self.entity = entity
        self.info = info
        self.name = info.resource
        self.domain = domain
        self.life_cycle = life_cycle
        self.state_attribute = life_cycle.attribute if life_cycle else info.state_attribute
        self.table = _snake(info.resource)
        self.hot = tuple(_hot_column(entity, attribute) for attribute in hot)
        self.index = tuple(index)
        self.references = tuple(references)
        self.relation = relation or f"{domain}.{self.table}"
        self.writable = writable
        self.operations = tuple(operations if operations is not None else info.operations)
        self.base_path = f"{api_path(info.api, max(get_api(info.api).generations))}/{self.name}"
        self.sql: Statements = statements(self.relation, f"{self.relation}_history", self.hot)
        self.filters = Filters(entity, self.state_attribute, self.hot, self.index)
        self._archive = archive_sql(f"{self.relation}_history")
        self._prepare: list[Prepare] = []
        self._after_create: list[Prepare] = []
        self._on_create: list[Announce] = []
        self._on_move: dict[str, list[Announce]] = {}

    # declarations -------------------------------------------------------------------------------------------------

    def prepare(self, function: _P) -> _P:
        """Declare an async function that completes a new document, once its form is checked, with what the server sets."""
        self._prepare.append(function)
        return function

    def after_create(self, function: _P) -> _P:
        """Declare an async function that carries out what the new record asks for, in the same unit of work: a task."""
        self._after_create.append(function)
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
        else:
            row = await session.fetch_row(self.sql.as_of, context.tenant, id_, at)
        if row is None:
            raise self._not_found(id_)
        return row["doc"], row["version"]

    async def lock(self, uow: UnitOfWork, id_: str, context: Context) -> Document:
        """The document, with its row locked until the unit of work ends. Raises NotFound."""
        return (await self._locked(uow, id_, context))[0]

    async def existing(self, session: ReadSession, ids: list[str], context: Context) -> set[str]:
        """Those of the ids that are there."""
        return {row["id"] for row in await session.fetch(self.sql.exists, context.tenant, ids)}

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

    async def create(self, uow: UnitOfWork, document: Document, context: Context) -> Document:
        """Store a new record and return its document.

        The server gives `id` where the client names none, `href` and a missing `@type`. Raises Invalid with all field
        errors, Unprocessable for unknown references, Conflict when the id is taken.
        Events: <Name>CreateEvent, then what `on_create` adds.
        """
        self._writable("create")
        document = dict(document)
        id_ = new_id() if document.get("id") is None else document["id"]
        problem = id_problem(id_)
        if problem:
            raise problem
        document |= {"id": id_, "href": f"{self.base_path}/{quote(id_, safe=_PLAIN_IN_PATH)}"}
        document.setdefault("@type", self.info.name)
        if self.life_cycle:
            document.setdefault(self.life_cycle.attribute, self.life_cycle.initial)
        check_document(self.entity, document, self.info.required)
        for function in self._prepare:
            await function(uow, document, context)
        if self.life_cycle:
            self.life_cycle.check_entry(document[self.life_cycle.attribute])
        document = self._storable(document)
        if self.references:
            await check_references(uow, self.references, document, context)
        self._put(uow, self.sql.insert, document, 1, context)
        self._tell(uow, "create", document, 1, context, ["Create"], before=None, after=document)
        for announce in self._on_create:
            _publish(uow, announce(document, context))
        for function in self._after_create:
            await function(uow, document, context)
        return await self.get(uow, id_, context) if self._after_create else document

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
        before, version, valid_from = await self._locked(uow, id_, context)
        if if_match is not None and if_match != version:
            raise Precondition(
                "versionMoved",
                f"{self.name} {id_} has changed since you read it.",
                message=f"You named version {if_match}, it is at {version}. Nothing was changed; read it again.",
            )
        after = edit(before)
        if guard:
            guard(before, after)
        check_document(self.entity, after, self.info.required)
        after = self._storable(after)
        old, new = difference(before, after)
        if not old and not new:
            return before
        moved = self._moved(id_, before, after)
        if self.references and any(
            reference.path.split(".")[0].removesuffix("[*]") in new for reference in self.references
        ):
            await check_references(uow, self.references, after, context)
        uow.write(
            Write(
                sql=self._archive,
                args=(context.tenant, id_, version, valid_from, max(context.now, valid_from), encode(before).decode()),
            )
        )
        self._put(uow, self.sql.update, after, version + 1, context, at=max(context.now, valid_from))
        rest = set(old) | set(new) - {"lastUpdate"}
        kinds = ["StateChange"] if moved else []
        if rest - {self.state_attribute} or not moved:
            kinds.append("AttributeValueChange")
        self._tell(uow, "patch", after, version + 1, context, kinds, before=old, after=new)
        if moved and self.state_attribute:
            for announce in self._on_move.get(after[self.state_attribute], ()):
                _publish(uow, announce(after, context))
        return after

    async def delete(self, uow: UnitOfWork, id_: str, context: Context, *, if_match: int | None = None) -> None:
        """Remove the record; its history stays. Raises NotFound, Precondition. Event: <Name>DeleteEvent."""
        self._writable("delete")
        before, version, valid_from = await self._locked(uow, id_, context)
        if if_match is not None and if_match != version:
            raise Precondition("versionMoved", f"{self.name} {id_} has changed since you read it.")
        ended = max(context.now, valid_from)
        uow.write(
            Write(sql=self._archive, args=(context.tenant, id_, version, valid_from, ended, encode(before).decode()))
        )
        uow.write(Write(sql=self.sql.delete, args=(context.tenant, id_, version), missing=lambda: self._not_found(id_)))
        self._tell(uow, "delete", before, version, context, ["Delete"], before=before, after=None)

    # inside -------------------------------------------------------------------------------------------------------

    def _storable(self, document: Document) -> Document:
        document = normalise(document, self.entity)
        indexed = [column.attribute for column in self.hot if column.type == "text"]
        for attribute in (*indexed, self.state_attribute):
            value = document.get(attribute) if attribute else None
            if isinstance(value, str) and len(value) > HOT_LENGTH_MAX:
                raise Invalid("tooLong", f"{attribute} has at most {HOT_LENGTH_MAX} characters.", path=f"$.{attribute}")
        return document

    def _moved(self, id_: str, before: Document, after: Document) -> bool:
        attribute = self.state_attribute
        if attribute is None or before.get(attribute) == after.get(attribute):
            return False
        if self.life_cycle:
            state = after.get(attribute)
            if not isinstance(state, str):
                raise Invalid("stateMissing", "The state cannot be removed.", path=f"$.{attribute}")
            self.life_cycle.check_move(self.name, id_, str(before.get(attribute)), state)
        return True

    async def _locked(self, uow: UnitOfWork, id_: str, context: Context) -> tuple[Document, int, datetime]:
        row = await uow.fetch_row(self.sql.lock, context.tenant, id_)
        if row is None:
            raise self._not_found(id_)
        return decode(row["doc"]), row["version"], row["updated_at"]

    def _put(
        self, uow: UnitOfWork, sql: str, document: Document, version: int, context: Context, at: datetime | None = None
    ) -> None:
        id_ = document["id"]
        state = document.get(self.state_attribute) if self.state_attribute else None
        uow.write(
            Write(
                sql=sql,
                args=(
                    context.tenant,
                    id_,
                    version,
                    state,
                    at or context.now,
                    tokens_of(document, self.index),
                    encode(document).decode(),
                    *(_column_value(document.get(column.attribute), column.type) for column in self.hot),
                ),
                missing=lambda: Conflict("changedMeanwhile", f"{self.name} {id_} was changed by someone else."),
                clashes={
                    f"pk_{self.table}": lambda: Conflict(
                        "idTaken", f"There is a {self.name} {id_} already.", path="$.id", hint="Leave out the id."
                    )
                },
            )
        )

    def _tell(
        self,
        uow: UnitOfWork,
        action: str,
        document: Document,
        version: int,
        context: Context,
        kinds: list[str],
        *,
        before: Document | None,
        after: Document | None,
    ) -> None:
        for kind in kinds:
            uow.publish(
                event(
                    context,
                    f"{self.info.name}{kind}Event",
                    source=self.domain,
                    resource=self.name,
                    resource_id=document["id"],
                    version=version,
                    payload={self.name: document},
                )
            )
        uow.audit(
            AuditEntry.of(context, action, self.name, document["id"], version=version, before=before, after=after)
        )

    def _writable(self, operation: str) -> None:
        if not self.writable:
            raise MethodNotAllowed("readOnly", f"A {self.name} cannot be written through this call ({operation}).")

    def _not_found(self, id_: str) -> NotFound:
        return NotFound(
            f"unknown{self.info.name}",
            f"There is no {self.name} {id_[:80]}.",
            path="$.id",
            hint="Check the id, or list.",
        )


def _publish(uow: UnitOfWork, events: Event | Iterable[Event] | None) -> None:
    if isinstance(events, Event):
        uow.publish(events)
    elif events:
        uow.publish(*events)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _hot_column(entity: type[msgspec.Struct], attribute: str) -> HotColumn:
    known = attribute_type(entity, attribute)
    if known is None or known.kind not in COLUMN_TYPES:
        raise ValueError(f"{entity.__name__}.{attribute} cannot have a column of its own")
    return HotColumn(attribute, _snake(attribute), COLUMN_TYPES[known.kind])


def _column_value(value: Any, column_type: str) -> Any:
    if value is None or column_type in ("text", "boolean", "numeric", "bigint"):
        return value
    return datetime.fromisoformat(value) if column_type == "timestamptz" else datetime.fromisoformat(value).date()

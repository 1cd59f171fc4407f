"""The TMF hub: who wants to hear of which events (`/hub` of each API)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import AuditEntry, ReadSession, Record, UnitOfWork
from trunkline.kernel.errors import Conflict, Invalid, NotFound
from trunkline.kernel.events.callback_address import resolve
from trunkline.kernel.events.event import Event
from trunkline.kernel.events.hub_query import parse_query
from trunkline.kernel.events.relay_lock import hold_relay
from trunkline.kernel.ids import new_id

Style = Literal["callback", "listener"]
SUBSCRIPTIONS = 1000
_STYLES: tuple[Style, ...] = ("callback", "listener")
_KNOWN = {"id", "href", "callback", "query", "style", "@type", "@baseType", "@schemaLocation"}
_COLUMNS = "tenant, id, api, callback, query, style, created_at, created_by"
# In the order in which a sender locks them: who is done with one delivery goes on to those behind it.
_DROP = """
with doomed as (select resource, resource_id, seq from kernel.delivery
                 where tenant = $1 and consumer = $2 order by seq for update)
delete from kernel.delivery d using doomed
 where d.tenant = $1 and d.consumer = $2 and d.resource = doomed.resource and d.resource_id = doomed.resource_id
   and d.seq = doomed.seq"""


class HubApi(msgspec.Struct, frozen=True, kw_only=True):
    """One API whose events can be subscribed to.

    path        its root, as "/tmf-api/productOrderingManagement/v5"
    resources   names of its resources, lower camel case; their TMF events are offered
    generation  4 or 5: the form of the notification
    represent   the `event` member in the API's own form, where it differs from the payload (v4 documents)
    names       event type → its name in this API's contract, where that is another
    stored      from an attribute's dotted path in this API to where it is stored, where that may be another
    """

    path: str
    resources: tuple[str, ...]
    generation: Literal[4, 5] = 5
    represent: Callable[[Event], dict[str, Any]] | None = None
    names: Mapping[str, str] = {}
    stored: Callable[[str], str] | None = None

    def name_of(self, type_: str) -> str:
        """What this API calls an event type."""
        return self.names.get(type_, type_)


class HubSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """One subscriber's wish. `style`: notifications go to the callback itself, or to <callback>/listener/<eventName>."""

    tenant: str
    id: str
    api: str
    callback: str
    query: str
    style: Style
    created_at: datetime
    created_by: str

    def document(self) -> dict[str, Any]:
        """As `GET /hub/{id}` shows it."""
        shown = {
            "id": self.id,
            "href": f"{self.api}/hub/{self.id}",
            "callback": self.callback,
            "style": self.style,
            "@type": "Hub",
        }
        return {**shown, "query": self.query} if self.query else shown


class Hub:
    """Subscriptions of all APIs. `allow_private` lets callbacks point into private and local networks (tests, one machine)."""

    def __init__(self, *, allow_private: bool = False) -> None:
        self.allow_private = allow_private

    async def create(self, uow: UnitOfWork, api: HubApi, body: Any, context: Context) -> HubSubscription:
        """Subscribe. `body` is {callback, query?, style?}; events from the commit on are delivered.

        Raises Invalid (form, query, callback refused), Conflict when the same callback and query are subscribed already
        or the tenant has 1,000 subscriptions.
        """
        wish = _checked(body)
        types = {name: type_ for type_, name in api.names.items()}
        query = parse_query(wish.query, api.resources, types=types, stored=api.stored)
        await resolve(wish.callback, allow_private=self.allow_private)
        await hold_relay(uow)
        if (
            await uow.fetch_value("select count(*) from kernel.hub_subscription where tenant = $1", context.tenant)
            >= SUBSCRIPTIONS
        ):
            raise Conflict(
                "tooManySubscriptions", f"There are {SUBSCRIPTIONS} subscriptions already.", hint="Delete one first."
            )
        row = await uow.fetch_row(
            f"""insert into kernel.hub_subscription
                  (tenant, id, api, callback, query, style, types, condition, created_at, created_by)
                values ($1, $2, $3, $4, $5, $6, $7, ($8::text::jsonpath)::text, $9, $10)
                on conflict (tenant, api, callback, query) do nothing returning {_COLUMNS}""",
            *(context.tenant, new_id(), api.path, wish.callback, wish.query, wish.style),
            *(None if query.types is None else list(query.types), query.condition, context.now, context.actor),
        )
        if row is None:
            raise Conflict(
                "alreadySubscribed",
                "This callback has the same subscription already.",
                message="Nothing was subscribed. Delete the other one first, or give another query.",
                path="$.callback",
            )
        subscription = _from_row(row)
        uow.audit(AuditEntry.of(context, "create", "hub", subscription.id, after=subscription.document()))
        return subscription

    async def get(self, session: ReadSession, api: HubApi, id_: str, context: Context) -> HubSubscription:
        """One subscription of this API. Raises NotFound."""
        row = await session.fetch_row(
            f"select {_COLUMNS} from kernel.hub_subscription where tenant = $1 and id = $2 and api = $3",
            *(context.tenant, id_, api.path),
        )
        if row is None:
            raise _unknown()
        return _from_row(row)

    async def list(
        self, session: ReadSession, api: HubApi, context: Context, *, offset: int = 0, limit: int = 100
    ) -> list[HubSubscription]:
        """The subscriptions of this API, oldest first, at most 1,000."""
        rows = await session.fetch(
            f"""select {_COLUMNS} from kernel.hub_subscription where tenant = $1 and api = $2
                 order by id offset $3 limit $4""",
            *(context.tenant, api.path, max(offset, 0), min(max(limit, 0), SUBSCRIPTIONS)),
        )
        return [_from_row(row) for row in rows]

    async def delete(self, uow: UnitOfWork, api: HubApi, id_: str, context: Context) -> None:
        """End a subscription; what was still to be delivered is dropped, except what is being sent at this moment.
        Raises NotFound."""
        await hold_relay(uow)  # or it could add a delivery after they are removed
        row = await uow.fetch_row(
            f"delete from kernel.hub_subscription where tenant = $1 and id = $2 and api = $3 returning {_COLUMNS}",
            *(context.tenant, id_, api.path),
        )
        if row is None:
            raise _unknown()
        await uow.execute(_DROP, context.tenant, f"hub:{id_}")
        uow.audit(AuditEntry.of(context, "delete", "hub", id_, before=_from_row(row).document()))


class _Wish(msgspec.Struct):
    callback: str
    query: str
    style: Style


def _checked(body: Any) -> _Wish:
    if not isinstance(body, dict):
        raise Invalid("invalidBody", "A subscription is an object.", path="$")
    problems = []
    callback, query, style = body.get("callback"), body.get("query") or "", body.get("style", "callback")
    if not isinstance(callback, str) or not callback:
        problems.append(Invalid("mandatoryMissing", "A subscription needs a callback.", path="$.callback"))
    if not isinstance(query, str):
        problems.append(Invalid("wrongType", "The query is a text.", path="$.query"))
    if style not in _STYLES:
        problems.append(Invalid("unknownValue", "There is no such style.", path="$.style", allowed=_STYLES))
    problems += [
        Invalid("unknownAttribute", f"A subscription has no attribute {name[:100]}.", path=f"$.{name[:100]}")
        for name in body
        if name not in _KNOWN
    ]
    if problems:
        raise Invalid.all_of(problems)
    return _Wish(str(callback), query, style)


def _from_row(row: Record) -> HubSubscription:
    return HubSubscription(**dict(row))


def _unknown() -> NotFound:
    return NotFound("unknownSubscription", "There is no such subscription.", message="Nothing was done.", path="$.id")

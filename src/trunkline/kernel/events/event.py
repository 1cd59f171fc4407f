"""What happened: the one shape in which all parts of the installation tell each other."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.ids import new_id

if TYPE_CHECKING:
    from trunkline.kernel.db import UnitOfWork

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One fact, past tense, published with the change that made it.

    type            TMF event name ("ProductOrderStateChangeEvent") or the name of a domain's contract ("UsageRated")
    source          who publishes: the package name of the domain ("product_ordering")
    resource        name of the resource it is about, lower camel case; with `resource_id` the key of ordering
    version         version of the resource after the change, 0 where it has none
    payload         the event's body; for TMF events {"<resource>": {...}}
    """

    id: str
    type: str
    source: str
    tenant: str
    resource: str
    resource_id: str
    version: int = 0
    occurred_at: datetime
    correlation_id: str
    causation_id: str | None = None
    actor: str
    payload: dict[str, Any]


def encode_payload(payload: dict[str, Any]) -> str:
    """JSON text; Decimals as numbers, exactly."""
    return _encoder.encode(payload).decode()


def decode_payload(text: str | bytes) -> dict[str, Any]:
    """The payload as it was published: numbers with a fraction become Decimal, never float."""
    return _decoder.decode(text)


def event(
    context: Context,
    type_: str,
    *,
    source: str,
    resource: str,
    resource_id: str,
    payload: dict[str, Any],
    version: int = 0,
) -> Event:
    """An event caused by what `context` describes, at its instant."""
    return Event(
        id=new_id(),
        type=type_,
        source=source,
        tenant=context.tenant,
        resource=resource,
        resource_id=resource_id,
        version=version,
        occurred_at=context.now,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        actor=context.actor,
        payload=payload,
    )


Handler = Callable[[Event, "UnitOfWork", Context], Awaitable[None]]
_H = TypeVar("_H", bound=Handler)


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer of events: `consumer` is its durable name; renaming it makes a new consumer."""

    consumer: str
    types: tuple[str, ...]
    handler: Handler


def on(*types: str) -> Callable[[_H], _H]:
    """Mark a function as a consumer of these event types. The composition root collects marked functions; nothing
    happens at import. The consumer's durable name is "<package>.<function>"."""

    def mark(handler: _H) -> _H:
        handler.__trunkline_events__ = types  # type: ignore[attr-defined]  # read by `subscriptions_in`
        return handler

    return mark


def subscriptions_in(module: Any) -> list[Subscription]:
    """The consumers that a module defines with `on`, in the order of definition."""
    found = []
    package = module.__name__.removeprefix("trunkline.").rsplit(".", 1)[0]
    for name, value in vars(module).items():
        types = getattr(value, "__trunkline_events__", None)
        if types and value.__module__ == module.__name__:
            found.append(Subscription(consumer=f"{package}.{name}", types=types, handler=value))
    return found

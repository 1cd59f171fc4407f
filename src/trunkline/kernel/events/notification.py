"""The TMF form of an event, as it is POSTed to a subscriber's callback."""

from datetime import UTC, datetime
from typing import Any

from trunkline.kernel.events.event import Event
from trunkline.kernel.events.hub import HubApi
from trunkline.kernel.events.hub_query import event_prefix


def notification(event: Event, api: HubApi) -> dict[str, Any]:
    """The notification's body in the generation of `api`.

    `timeOcurred` is spelt so in the contracts of generation 4, `timeOccurred` in those of generation 5.
    """
    instant, name = _instant_text(event.occurred_at), api.name_of(event.type)
    body: dict[str, Any] = {
        "eventId": event.id,
        "eventTime": instant,
        "eventType": name,
        "correlationId": event.correlation_id,
        "domain": event.source,
        "title": name,
        "event": event.payload if api.represent is None else api.represent(event),
    }
    if api.generation == 4:
        return {**body, "timeOcurred": instant}
    return {
        **body,
        "@type": name,
        "timeOccurred": instant,
        "source": _reference(event.resource_id, event_prefix(event.resource), _href(event)),
        "reportingSystem": _reference("trunkline", "System", None),
    }


def listener_name(type_: str) -> str:
    """The last part of a listener's path: ProductOrderStateChangeEvent → productOrderStateChangeEvent."""
    return type_[:1].lower() + type_[1:]


def _reference(id_: str, referred_type: str, href: str | None) -> dict[str, str]:
    found = {"id": id_, "@type": "EntityRef", "@referredType": referred_type}
    return found if href is None else {**found, "href": href}


def _href(event: Event) -> str | None:
    document = event.payload.get(event.resource)
    href = document.get("href") if isinstance(document, dict) else None
    return href if isinstance(href, str) else None


def _instant_text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

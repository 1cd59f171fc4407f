"""AsyncAPI 3.0, emitted from what is registered: the events that an API publishes, and the two ways to hear of them."""

from typing import Any

from trunkline.kernel.tmf.catalogue import ServedApi
from trunkline.kernel.tmf.face_schema import mount_schemas

_TEXT = {"type": "string"}
_INSTANT = {"type": "string", "format": "date-time"}
_REFERENCE = {
    "type": "object",
    "required": ["id", "@type"],
    "properties": dict.fromkeys(("id", "href", "@type"), _TEXT),
}
_COMMON = {
    "eventId": _TEXT,
    "eventTime": _INSTANT,
    "correlationId": _TEXT,
    "domain": _TEXT,
    "title": _TEXT,
}
_SIGNATURE = {
    "type": "object",
    "properties": {
        "X-Hub-Signature-256": {
            "type": "string",
            "description": "HMAC-SHA256 of the body as it came, under the secret that the subscription was answered with",
        }
    },
}


def asyncapi(served: ServedApi, version: str) -> dict[str, Any]:
    """The AsyncAPI document of one API in one generation."""
    schema_of, _, components = mount_schemas(served.mounts)
    messages = {
        name: _message(name, mount.name, schema_of[mount.path], served.generation)
        for mount in served.mounts
        for name in mount.published
    }
    components = _used(components, messages)
    parts = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}

    def channel(address: str | None, title: str, description: str) -> dict[str, Any]:
        return {"address": address, "title": title, "description": description, "messages": parts}

    def sends(name: str, summary: str) -> dict[str, Any]:
        of = [{"$ref": f"#/channels/{name}/messages/{message}"} for message in messages]
        return {"action": "send", "channel": {"$ref": f"#/channels/{name}"}, "summary": summary, "messages": of}

    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"{served.title}: events", "version": version},
        "defaultContentType": "application/json",
        "channels": {
            "callback": channel(
                None,
                "The subscriber's callback",
                f"Notifications are POSTed to the address given to POST {served.path}/hub, or with the style `listener` to "
                "`<callback>/listener/<eventName>`: at least once, in order per resource, retried, parked after a limit.",
            ),
            "stream": channel(
                f"{served.path}/events",
                "Server-Sent Events",
                "The same notifications as a stream that resumes by Last-Event-ID.",
            ),
        },
        "operations": {
            "notify": sends("callback", "Tell a subscriber what happened"),
            "stream": sends("stream", "Tell who listens what happens"),
        },
        "components": {
            "messages": messages,
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _message(name: str, resource: str, schema: dict[str, Any], generation: int) -> dict[str, Any]:
    event = {"type": "object", "required": [resource], "properties": {resource: schema}}
    own: dict[str, Any] = {"eventType": {"const": name}, "event": event}
    if generation == 4:
        own["timeOcurred"] = _INSTANT
    else:
        own |= {"@type": {"const": name}, "timeOccurred": _INSTANT, "source": _REFERENCE, "reportingSystem": _REFERENCE}
    required = ["eventId", "eventTime", "eventType", "event", *(["@type"] if generation == 5 else [])]
    return {
        "name": name,
        "title": name,
        "contentType": "application/json",
        "headers": _SIGNATURE,
        "payload": {"type": "object", "required": required, "properties": _COMMON | own},
    }


def _used(components: dict[str, Any], value: Any) -> dict[str, Any]:
    """Those of the components that the value refers to, also by way of others."""
    found: dict[str, Any] = {}
    open_ = [value]
    while open_:
        inner = open_.pop()
        if isinstance(inner, dict):
            reference = inner.get("$ref")
            name = reference.rsplit("/", 1)[-1] if isinstance(reference, str) else None
            if name in components and name not in found:
                found[name] = components[name]
                open_.append(components[name])
            open_ += inner.values()
        elif isinstance(inner, list):
            open_ += inner
    return found

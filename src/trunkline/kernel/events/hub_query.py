"""The `query` of a hub subscription: which events of the API it wants.

    eventType=ProductOrderStateChangeEvent,ProductOrderDeleteEvent&state=completed&relatedParty.id=42

Conditions are equality, joined by `&`; alternatives by comma or by repeating the name; dotted names reach through arrays
(any element). A name is an attribute of the resource; `event.productOrder.state` and `productOrder.state` say the same.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote_plus

import msgspec

from trunkline.kernel.errors import Invalid

LENGTH = 1000
CLAUSES = 16
DEPTH = 8
_SEGMENT = re.compile(r"@?[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?")


class EventQuery(msgspec.Struct, frozen=True):
    """A parsed query: event types (None: all of the API) and a PostgreSQL jsonpath predicate on the payload (None: any)."""

    types: tuple[str, ...] | None
    condition: str | None


def parse_query(
    text: str,
    resources: Sequence[str],
    *,
    types: Mapping[str, str] | None = None,
    stored: Callable[[str], str] | None = None,
) -> EventQuery:
    """Parse a subscription's query against the resources of its API. Raises Invalid with path `$.query`.

    types   the API's name of an event type → the type, where they differ
    stored  from an attribute's path in the API to where it is stored
    """
    if len(text) > LENGTH:
        raise _invalid(f"It is longer than {LENGTH} characters.")
    wanted: dict[str, list[str]] = {}
    for clause in filter(None, re.split("[&;]", text.removeprefix("?"))):
        name, sign, value = clause.partition("=")
        name = unquote_plus(name).removesuffix(".eq")
        if not sign or name.endswith((">", "<", "!", "*")) or value.startswith(("=", "~")):
            raise _invalid(f"'{clause}' is not of the form attribute=value.")
        wanted.setdefault(name, []).extend(unquote_plus(part).strip("\"'") for part in value.split(","))
    if sum(map(len, wanted.values())) > CLAUSES:
        raise _invalid(f"It has more than {CLAUSES} conditions.")
    named = wanted.pop("eventType", None)
    parts = [_condition(stored(name) if stored else name, values, resources) for name, values in sorted(wanted.items())]
    chosen = None if named is None else _types([(types or {}).get(name, name) for name in named], resources)
    return EventQuery(chosen, " && ".join(parts) or None)


def wanted_by(event: str, wish: str) -> str:
    """SQL: whether the TMF event in row `event` (of the log) is wanted by row `wish` with columns `types` and `condition`
    of an EventQuery. The API of the wish is for the caller to compare. A payload that jsonb cannot hold is wanted."""
    e, w = event, wish
    return f"""{e}.type like upper(left({e}.resource, 1)) || substr({e}.resource, 2) || '%Event'
                   and ({w}.types is null or {e}.type = any({w}.types))
                   and case when {w}.condition is null then true
                            when not pg_input_is_valid({e}.payload::text, 'jsonb') then true
                            else coalesce({e}.payload::jsonb @@ {w}.condition::jsonpath, false) end"""


def event_prefix(resource: str) -> str:
    """How the event names of a resource begin: productOrder → ProductOrder."""
    return resource[:1].upper() + resource[1:]


def _types(types: list[str], resources: Sequence[str]) -> tuple[str, ...]:
    prefixes = tuple(event_prefix(resource) for resource in resources)
    for type_ in types:
        if not (type_.startswith(prefixes) and type_.endswith("Event")):
            raise Invalid(
                "unknownEventType",
                f"This API has no event {type_[:100]}.",
                message="Nothing was subscribed.",
                path="$.query",
                allowed=[f"{prefix}…Event" for prefix in prefixes],
            )
    return tuple(sorted(set(types)))


def _condition(name: str, values: list[str], resources: Sequence[str]) -> str:
    segments = name.split(".")
    if segments[0] == "event":
        segments = segments[1:]
    if not segments or len(segments) > DEPTH or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise _invalid(f"'{name[:100]}' is not the name of an attribute.")
    # The payload has one member, the resource; a name that does not begin with a resource is relative to it.
    root = "$" if segments[0] in resources and len(segments) > 1 else "$.*"
    path = root + "".join(f".{json.dumps(segment)}" for segment in segments)
    return "(" + " || ".join(f"{path} == {literal}" for value in values for literal in _literals(value)) + ")"


def _literals(value: str) -> list[str]:
    """The JSON values that a text may stand for: 5 is the text and the number."""
    if any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise _invalid("A value holds a control character.")
    plain = [value] if value in ("true", "false") or _NUMBER.fullmatch(value) else []
    return [json.dumps(value), *plain]


def _invalid(message: str) -> Invalid:
    return Invalid(
        "invalidQuery",
        "The query is not one that this hub understands.",
        message=f"{message} Nothing was subscribed.",
        path="$.query",
        hint="Use eventType=… and attribute=value, joined by '&'.",
    )

"""What a list request asks for: filters, sort, fields, page. Parsing and limits; no SQL (TMF630 part 1, 4.4 and 4.5)."""

import base64
import binascii
import re
from typing import TypedDict
from urllib.parse import unquote_plus

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.json_filter import JsonFilter
from trunkline.kernel.tmf.keyset import Place

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
OFFSET_MAX = 100_000
QUERY_LENGTH_MAX = 8_000
CLAUSES_MAX = 30
VALUES_MAX = 100
REGEX_LENGTH_MAX = 100
SORT_MAX = 5

_CONTROL = frozenset({"fields", "offset", "limit", "sort", "after", "before", "filter", "asOf", "depth", "expand"})
_CLAUSE = re.compile(
    r"(?P<path>(?:@|%40|[A-Za-z_])(?:[\w@.\-]|%40)*?)(?:\.(?P<suffix>eq|ne|gte|gt|lte|lt|regex))?"
    r"(?P<sign>%3D%3D|==|!=|%21%3D|!%3D|>=|%3E=|%3E%3D|<=|%3C=|%3C%3D|=~|%3D~|=%7E|%3D%7E|\*=|%2A=|\*%3D|%2A%3D|>|%3E|<|%3C|=|%3D)"
    r"(?P<value>.*)",
    re.IGNORECASE | re.DOTALL,
)
_places = msgspec.json.Decoder(Place)
_SIGNS = {
    "==": "eq",
    "=": "eq",
    "!=": "ne",
    ">=": "gte",
    "<=": "lte",
    ">": "gt",
    "<": "lt",
    "=~": "regex",
    "*=": "regex",
}


class Clause(msgspec.Struct, frozen=True):
    """One condition: the attribute at `path` compares by `operator` with any of `values`."""

    path: str
    operator: str
    values: tuple[str, ...]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed list request. `paged` says that the client itself asked for a page.

    filter  a JSONPath filter as the client wrote it; `wanted` the same, translated to stored names
    own     paths that only the client's generation knows: kept in documents, in no entity
    """

    clauses: tuple[Clause, ...] = ()
    filter: str | None = None
    wanted: JsonFilter | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    fields: tuple[str, ...] | None = None
    expand: tuple[str, ...] = ()
    depth: int = 0
    offset: int = 0
    limit: int = LIMIT_DEFAULT
    paged: bool = False
    after: Place | None = None
    before: Place | None = None
    own: tuple[str, ...] = ()


def parse(raw: str) -> Query:
    """Parse an undecoded query string. Raises Invalid with the parameter's name as path."""
    if len(raw) > QUERY_LENGTH_MAX:
        raise Invalid("queryTooLong", f"A query string has at most {QUERY_LENGTH_MAX} characters.")
    control: dict[str, str] = {}
    grouped: dict[tuple[str, str], list[str]] = {}
    for part in raw.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if unquote_plus(name) in _CONTROL:
            control[unquote_plus(name)] = _text(value, name)
        else:
            path, operator, values = _clause(part)
            grouped.setdefault((path, operator), []).extend(values)
    if len(grouped) > CLAUSES_MAX:
        raise Invalid("tooManyClauses", f"At most {CLAUSES_MAX} conditions in one query.")
    clauses = tuple(
        Clause(path, operator, _checked(path, operator, values)) for (path, operator), values in grouped.items()
    )
    return _with_control(clauses, control)


def parse_fields(raw: str | None) -> tuple[str, ...] | None:
    """`fields=a,b.c`; None when not given or empty, () for `none`."""
    if not raw:
        return None
    if raw == "none":
        return ()
    return tuple(field.strip() for field in raw.split(",") if field.strip())


def cursor(place: Place) -> str:
    """An opaque cursor that stands at a record of a list."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _with_control(clauses: tuple[Clause, ...], control: dict[str, str]) -> Query:
    if "asOf" in control:
        raise Invalid(
            "notOffered", "'asOf' reads one record, not a list.", path="asOf", hint="Read a record by its id."
        )
    sort = tuple(
        (item.lstrip("+- "), item.startswith("-")) for item in control.get("sort", "").split(",") if item.lstrip("+- ")
    )
    if len(sort) > SORT_MAX:
        raise Invalid("tooManySortKeys", f"At most {SORT_MAX} sort keys.", path="sort")
    return Query(
        clauses=clauses,
        filter=control.get("filter") or None,
        sort=sort,
        fields=parse_fields(control.get("fields")),
        **parse_depth(control.get("expand"), control.get("depth")),
        offset=_number(control, "offset", 0, 0, OFFSET_MAX),
        limit=_number(control, "limit", LIMIT_DEFAULT, 0, LIMIT_MAX),
        paged="offset" in control or "limit" in control,
        after=_cursor(control.get("after"), "after", len(sort)),
        before=_cursor(control.get("before"), "before", len(sort)),
    )


class Depth(TypedDict):
    """Which references are answered with their records; see `expand`."""

    expand: tuple[str, ...]
    depth: int


def parse_depth(expand: str | None, depth: str | None) -> Depth:
    """`expand=a,b.c` and `depth=0|1`. Raises Invalid, also for more than one level."""
    paths = tuple(path.strip() for path in (expand or "").split(",") if path.strip())
    levels = _number({} if depth is None else {"depth": depth}, "depth", 0, 0, 99)
    if levels > 1:
        raise Invalid("notOffered", "References are expanded one level.", path="depth", hint="depth=1")
    return {"expand": paths, "depth": levels}


def _number(control: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    text = control.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise Invalid("invalidPage", f"{name} is a whole number from {low} to {high}.", path=name)
    return int(text)


def _cursor(text: str | None, name: str, keys: int) -> Place | None:
    if text is None:
        return None
    try:
        place = _places.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):  # ValueError: also what is no UTF-8, no JSON, no place
        raise _no_cursor(name) from None
    if not place.id or any("\x00" in part for part in (place.id, *place.values) if part):
        raise _no_cursor(name)
    if len(place.values) != keys:
        raise Invalid(
            "invalidCursor",
            "That cursor was given out for another order.",
            path=name,
            hint="Follow the links as they are given, or begin again without a cursor.",
        )
    return place


def _no_cursor(name: str) -> Invalid:
    return Invalid("invalidCursor", "That cursor was not given out here.", path=name)


def _clause(part: str) -> tuple[str, str, list[str]]:
    match = _CLAUSE.fullmatch(part)
    if match is None:
        raise Invalid(
            "malformedFilter",
            "A filter reads attribute=value or attribute.operator=value.",
            path=_text(part, "query")[:100],
            allowed=("eq", "ne", "gt", "gte", "lt", "lte", "regex"),
        )
    path, suffix, raw_value = match["path"].replace("%40", "@"), match["suffix"], match["value"]
    sign = unquote_plus(match["sign"])
    if sign == "=" and suffix is None:
        operator = "eq"
    elif sign == "=":
        operator = suffix.lower()
    else:
        operator = _SIGNS[sign]
    if operator == "regex":
        return path, operator, [_text(raw_value, path)]
    pieces = re.split(rf";{re.escape(path)}(?:\.{operator})?=|,", raw_value)
    return path, operator, [_text(piece, path) for piece in pieces]


def _text(raw: str, path: str) -> str:
    try:
        value = unquote_plus(raw, errors="strict")
    except UnicodeDecodeError as error:
        raise Invalid("invalidText", "The value is not UTF-8.", path=path) from error
    if "\x00" in value:
        raise Invalid("invalidText", "Text cannot hold the character NUL.", path=path)
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _checked(path: str, operator: str, values: list[str]) -> tuple[str, ...]:
    if len(values) > VALUES_MAX:
        raise Invalid("tooManyValues", f"At most {VALUES_MAX} alternatives for one attribute.", path=path)
    if operator == "regex" and any(len(value) > REGEX_LENGTH_MAX for value in values):
        raise Invalid("regexTooLong", f"A regular expression has at most {REGEX_LENGTH_MAX} characters.", path=path)
    return tuple(values)

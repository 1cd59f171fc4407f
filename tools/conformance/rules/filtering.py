"""Filters and sort: what must be found, and above all what must not."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tools.conformance.bench import Bench
from tools.conformance.landscape import Document
from tools.conformance.outcome import NotApplicable, must


def filter_equal(bench: Bench) -> None:
    """`attribute=value` finds the records that have it and no other; a value nobody has finds none."""
    bench.needs("list")
    text, (one, _, _) = bench.need_text(), bench.trio
    must(bench.ids({text: one[text]}) == [one["id"]], f"{text}={one[text]} found {bench.ids({text: one[text]})[:5]}")
    must(bench.ids({text: f"{one[text]} none"}) == [], "a value nobody has was found")


def filter_and(bench: Bench) -> None:
    """Several attributes must all match."""
    bench.needs("list")
    text, (one, two, _) = bench.need_text(), bench.trio
    must(bench.ids({text: one[text], "id": one["id"]}) == [one["id"]], "two conditions that hold found nothing")
    must(bench.ids({text: one[text], "id": two["id"]}) == [], "one condition of two was enough")


def filter_alternatives(bench: Bench) -> None:
    """Alternatives by comma, by repeating the name and by semicolon."""
    bench.needs("list")
    text, (one, two, _) = bench.need_text(), bench.trio
    a, b = quote(one[text]), quote(two[text])
    for query in (f"{text}={a},{b}", f"{text}={a}&{text}={b}", f"{text}={a};{text}={b}"):
        found = sorted(bench.ids(query))
        must(found == sorted((one["id"], two["id"])), f"{query} found {len(found)} records instead of 2")


def filter_operators(bench: Bench) -> None:
    """The operators as suffixes: eq, ne, gt, gte, lt, lte."""
    for operator in ("eq", "ne", "gt", "gte", "lt", "lte"):
        _compared(bench, f".{operator}=", operator)


def filter_signs(bench: Bench) -> None:
    """The operators as encoded signs."""
    for operator, sign in {"eq": "%3D%3D", "gt": "%3E", "gte": "%3E%3D", "lt": "%3C", "lte": "%3C%3D"}.items():
        _compared(bench, sign, operator)


def _compared(bench: Bench, sign: str, operator: str) -> None:
    bench.needs("list")
    records = bench.trio
    name = bench.need_text()
    middle = records[1][name]
    expected = [record["id"] for record in records if _holds(record[name], operator, middle)]
    found = bench.ids(f"{bench.only(*records)}&{name}{sign}{quote(middle)}")
    must(sorted(found) == sorted(expected), f"{name}{sign} found {len(found)} records instead of {len(expected)}")


def _holds(value: str, operator: str, other: str) -> bool:
    return {
        "eq": value == other,
        "ne": value != other,
        "gt": value > other,
        "gte": value >= other,
        "lt": value < other,
        "lte": value <= other,
    }[operator]


def filter_instant(bench: Bench) -> None:
    """Instants compare as instants, whatever their offset."""
    bench.needs("list")
    name = bench.instant
    if name is None:
        raise NotApplicable("it has no instant that a client sets")
    early = bench.create(bench.document({name: "2026-06-01T00:00:00.000Z"}))
    late = bench.create(bench.document({name: "2026-06-01T12:00:00.000Z"}))
    between = quote("2026-06-01T08:00:00+02:00")
    both = bench.only(early, late)
    must(bench.ids(f"{both}&{name}.gt={between}") == [late["id"]], f"{name}.gt did not tell the later one")
    must(bench.ids(f"{both}&{name}.lt={between}") == [early["id"]], f"{name}.lt did not tell the earlier one")


def filter_regex(bench: Bench) -> None:
    """A regular expression as suffix and as sign; one that is none is 400."""
    bench.needs("list")
    name, records = bench.need_text(), bench.trio
    _, two, _ = records
    pattern = quote(f"^{two[name]}$")
    for sign in (".regex=", "%3D~", "*%3D"):
        found = bench.ids(f"{bench.only(*records)}&{name}{sign}{pattern}")
        must(found == [two["id"]], f"{name}{sign} found {len(found)} records instead of 1")
    bench.refused(bench.send("GET", bench.path, query=f"{name}.regex=%28"), 400)


def filter_nested(bench: Bench) -> None:
    """A dotted path reaches inside objects, and through arrays any element."""
    bench.needs("list")
    record, other = _with_nested(bench), bench.record
    known = bench.schemas.properties(bench.operations["list"].answers.get("200", {}).get("items", {}))
    path, value = next(_inner({name: found for name, found in record.items() if name in known}), (None, None))
    if path is None:
        raise NotApplicable("it has no nested text")
    only = f"id={quote(record['id'])},{quote(other['id'])}"
    found = bench.ids(f"{only}&{path}={quote(str(value))}")
    must(record["id"] in found, f"{path}={value} did not find its record")
    must(bench.ids(f"{only}&{path}=conformance-none") == [], f"{path} with a value nobody has found a record")


def _with_nested(bench: Bench) -> Document:
    answer = bench.send("POST", bench.path, body=bench.document(full=True))
    return answer.json() if answer.status == 201 else bench.record


def _inner(document: Document) -> Iterator[tuple[str, str]]:
    """Texts one level down, by their dotted path."""
    for name, value in document.items():
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, dict) and "@" not in name:
                yield from (
                    (f"{name}.{inner}", text)
                    for inner, text in item.items()
                    if isinstance(text, str) and inner in ("id", "name", "role", "text") and "," not in text
                )


def filter_jsonpath(bench: Bench) -> None:
    """`filter` with a JSONPath predicate finds what holds and leaves out the rest, or 501 where it is not offered."""
    bench.needs("list")
    name, records = bench.need_text(), bench.trio
    one = records[0]
    predicate = quote(f"[?(@.{name}=='{one[name]}')]")
    answer = bench.send("GET", bench.path, query=f"{bench.only(*records)}&filter={predicate}")
    if answer.status == 501:
        bench.refused(answer, 501)
        return
    found = [document["id"] for document in bench.accepted(answer, "list", 200)]
    must(found == [one["id"]], f"the predicate found {len(found)} records instead of 1")
    bench.refused(bench.send("GET", bench.path, query="filter=%5B%3F%28%40.name%3D%3D"), 400)


def filter_unknown(bench: Bench) -> None:
    """400 for an attribute that there is not, and for a value that does not fit."""
    bench.needs("list")
    bench.refused(bench.send("GET", bench.path, query="conformanceNone=1"), 400)
    if bench.instant is not None:
        bench.refused(bench.send("GET", bench.path, query=f"{bench.instant}.gt=yesterday"), 400)


def sort(bench: Bench) -> None:
    """`sort=attribute` upwards, with a minus downwards; an attribute that there is not is 400."""
    bench.needs("list")
    name, records = bench.need_text(), bench.trio
    upwards: list[Any] = [record["id"] for record in sorted(records, key=lambda record: str(record[name]))]
    for query, expected in ((name, upwards), (f"-{name}", upwards[::-1])):
        found = bench.ids(f"{bench.only(*records)}&sort={query}")
        must(found == expected, f"sort={query} is not in order")
    bench.refused(bench.send("GET", bench.path, query="sort=conformanceNone"), 400)


RULES = (
    filter_equal,
    filter_and,
    filter_alternatives,
    filter_operators,
    filter_signs,
    filter_instant,
    filter_regex,
    filter_nested,
    filter_jsonpath,
    filter_unknown,
    sort,
)

"""Pages: 206 for a part, arithmetic that adds up, cursors that see each record once."""

import re

from tools.conformance.bench import Bench
from tools.conformance.client import Answer
from tools.conformance.outcome import Violation, must

_LINK = re.compile(r'<(?P<target>[^>]*)>\s*;\s*rel="(?P<relation>\w+)"')
PAGES_MAX = 10


def page(bench: Bench) -> None:
    """`limit` and `offset` cut the list: 206 for a part, 200 for all, and the counts say of which whole."""
    bench.needs("list")
    records = bench.trio
    only, seen = bench.only(*records), []
    for offset in range(3):
        answer = bench.send("GET", bench.path, query=f"{only}&offset={offset}&limit=1")
        seen += [document["id"] for document in bench.accepted(answer, "list", 206)]
        _counted(answer, total=3, result=1)
    must(sorted(seen) == sorted(record["id"] for record in records), "the pages do not add up to the list")
    whole = bench.send("GET", bench.path, query=f"{only}&limit=3")
    must(len(bench.accepted(whole, "list", 200)) == 3, "limit=3 of three did not answer all")
    past = bench.send("GET", bench.path, query=f"{only}&offset=3&limit=2")
    must(bench.accepted(past, "list", 200, 206) == [], "a page after the end is not empty")
    _counted(past, total=3, result=0)
    two = bench.send("GET", bench.path, query=f"{only}&offset=1&limit=5")
    must(len(bench.accepted(two, "list", 206)) == 2, "offset=1 of three did not answer two")


def bad_page(bench: Bench) -> None:
    """400 for an `offset` or `limit` that is no count."""
    bench.needs("list")
    for query in ("limit=-1", "limit=x", "offset=-1", "offset=x", "limit=99999999"):
        bench.refused(bench.send("GET", bench.path, query=query), 400)


def links(bench: Bench) -> None:
    """`Link` leads through all pages forwards by `next` and back by `prev`, each record once."""
    bench.needs("list")
    records = bench.trio
    everything = {record["id"] for record in records}
    forwards, last = _walk(bench, f"{bench.path}?{bench.only(*records)}&limit=1", "next")
    must(len(forwards) == 3 and {*forwards} == everything, f"by next, {len(forwards)} records were seen instead of 3")
    backwards, _ = _walk(bench, last, "prev")
    must(backwards == forwards[::-1], "by prev, the records do not come in the opposite order")


def _walk(bench: Bench, target: str, relation: str) -> tuple[list[str], str]:
    """The ids seen on the way, and where the way ended."""
    seen: list[str] = []
    for _ in range(PAGES_MAX):
        path, _, query = target.partition("?")
        answer = bench.send("GET", path, query=query)
        seen += [document["id"] for document in bench.accepted(answer, "list", 200, 206)]
        following = {match["relation"]: match["target"] for match in _LINK.finditer(answer.headers.get("link", ""))}
        if relation not in following:
            return seen, target
        target = following[relation]
    raise Violation(f"{relation} never ends")


def _counted(answer: Answer, *, total: int, result: int) -> None:
    counts = (answer.headers.get("x-total-count"), answer.headers.get("x-result-count"))
    must(
        counts == (str(total), str(result)), f"X-Total-Count, X-Result-Count are {counts} instead of {(total, result)}"
    )


RULES = (page, bad_page, links)

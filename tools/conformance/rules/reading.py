"""GET: one record and lists, their headers, and what `fields` leaves out."""

from tools.conformance.bench import Bench
from tools.conformance.outcome import NotApplicable, must

IDENTITY = frozenset({"id", "href", "@type"})


def retrieve(bench: Bench) -> None:
    """200 with the record as it was made, which fits the contract."""
    bench.needs("retrieve")
    record = bench.record
    read = bench.accepted(bench.send("GET", bench.one(record["id"])), "retrieve", 200)
    must(read["id"] == record["id"], "another record was read")
    problems = bench.lost(record, read)
    must(not problems, f"what create or list answered is not what is read: {'; '.join(problems)}")


def unknown_id(bench: Bench) -> None:
    """404 for a record that is not there."""
    bench.needs("retrieve")
    bench.refused(bench.send("GET", bench.one("conformance-nowhere")), 404)


TRIES = 5


def not_modified(bench: Bench) -> None:
    """An `ETag`; 304 without a body to who has it already, 200 to who has another."""
    bench.needs("retrieve")
    path = bench.one(bench.record["id"])
    for _ in range(TRIES):
        tag = bench.send("GET", path).headers.get("etag")
        must(tag, "there is no ETag")
        same = bench.send("GET", path, headers={"If-None-Match": str(tag)})
        if same.headers.get("etag") == tag:
            break  # otherwise it was changed meanwhile: a task that is carried out
    must(same.status == 304 and not same.body, f"If-None-Match of the same ETag answered {same.status}")
    other = bench.send("GET", path, headers={"If-None-Match": '"conformance"'})
    must(other.status == 200, f"If-None-Match of another ETag answered {other.status}")


def retrieve_fields(bench: Bench) -> None:
    """`fields` leaves out all but what it names and the identity; `fields=none` answers the identity alone."""
    bench.needs("retrieve")
    path, record = bench.one(bench.record["id"]), bench.record
    rest = [name for name in record if name not in IDENTITY]
    if not rest:
        raise NotApplicable("the record holds its identity alone")
    one = bench.send("GET", path, query={"fields": rest[0]}).json()
    must(one.keys() == {rest[0]} | (record.keys() & IDENTITY), f"fields={rest[0]} answered {', '.join(one)}")
    none = bench.send("GET", path, query={"fields": "none"}).json()
    must(none.keys() == record.keys() & IDENTITY, f"fields=none answered {', '.join(none)}")


def list_(bench: Bench) -> None:
    """200 with an array; a record that was made through this contract is found in it and fits it."""
    bench.needs("list")
    answer = bench.send("GET", bench.path)
    must(answer.status == 200 and isinstance(answer.json(), list), f"the list answered {answer.status}")
    found = bench.ids({"id": bench.record["id"]})
    must(found == [bench.record["id"]], f"of one record by its id the list answered {len(found)}")


def list_whole(bench: Bench) -> None:
    """Every record of the list fits the contract, also those made through the other generation and by the product."""
    bench.needs("list")
    bench.listed("", 200)


def list_empty(bench: Bench) -> None:
    """A list of what is not there is an empty array with its counts, not an error."""
    bench.needs("list")
    answer = bench.send("GET", bench.path, query={"id": "conformance-nowhere"})
    must(bench.accepted(answer, "list", 200) == [], "what is not there was found")
    counts = [answer.headers.get(name) for name in ("x-total-count", "x-result-count")]
    must(counts == ["0", "0"], f"X-Total-Count and X-Result-Count are {counts}")


def list_headers(bench: Bench) -> None:
    """`X-Total-Count`, `X-Result-Count` and `Link` with `self`, `first` and `last`, on every list."""
    bench.needs("list")
    records = bench.trio
    answer = bench.send("GET", bench.path, query=bench.only(*records))
    found = bench.accepted(answer, "list", 200)
    for name in ("x-total-count", "x-result-count"):
        must(
            answer.headers.get(name) == str(len(found)),
            f"{name} is {answer.headers.get(name)} for {len(found)} records",
        )
    links = answer.headers.get("link", "")
    missing = [name for name in ("self", "first", "last") if f'rel="{name}"' not in links]
    must(not missing, f"Link has no {', '.join(missing)}: {links or 'missing'}")


def list_fields(bench: Bench) -> None:
    """`fields` leaves out in lists as it does in one record."""
    bench.needs("list")
    condition, text = bench.only(bench.record), bench.text
    none = bench.send("GET", bench.path, query=f"{condition}&fields=none").json()
    must(none and none[0].keys() <= IDENTITY, f"fields=none answered {', '.join(none[0]) if none else 'nothing'}")
    if text is not None and text in bench.record:
        one = bench.send("GET", bench.path, query=f"{condition}&fields={text}").json()
        expected = {text} | (bench.record.keys() & IDENTITY)
        must(one and one[0].keys() == expected, f"fields={text} answered {', '.join(one[0]) if one else 'nothing'}")


RULES = (retrieve, unknown_id, not_modified, retrieve_fields, list_, list_whole, list_empty, list_headers, list_fields)

"""POST: what a valid document answers, and what survives."""

from tools.conformance.bench import Bench
from tools.conformance.outcome import NotApplicable, NotOffered, must


def create(bench: Bench) -> None:
    """201 with the whole record, which fits the contract and carries what was sent; `id` and `href` are there."""
    bench.needs("create")
    if bench.subject.unavailable:
        answer = bench.send("POST", bench.path, body={})
        bench.refused(answer, 501)
        raise NotOffered(f"501: {bench.subject.unavailable}")
    sent = bench.document()
    bench.fits_request(sent)
    made = bench.accepted(bench.send("POST", bench.path, body=sent), "create", 201)
    missing = [name for name in ("id", "href", "@type") if not made.get(name)]
    must(not missing, f"{', '.join(missing)} missing in the answer")
    problems = bench.lost(sent, made)
    must(not problems, "; ".join(problems))


def create_full(bench: Bench) -> None:
    """The same with every attribute that the contract has, two levels deep."""
    sent = bench.document(full=True)
    bench.fits_request(sent)
    made = bench.accepted(bench.send("POST", bench.path, body=sent), "create", 201)
    problems = bench.lost(sent, made)
    must(not problems, "; ".join(problems))
    read = bench.accepted(bench.send("GET", bench.one(made["id"])), "retrieve", 200)
    problems = bench.lost(sent, read)
    must(not problems, f"read again: {'; '.join(problems)}")


def location(bench: Bench) -> None:
    """`Location` and `ETag` come with the 201; `Location` is the record's `href` and leads to it."""
    answer = bench.send("POST", bench.path, body=bench.document())
    made = bench.accepted(answer, "create", 201)
    place = answer.headers.get("location")
    must(place, "there is no Location")
    must(place == made["href"], f"Location is {place}, href is {made['href']}")
    must("etag" in answer.headers, "there is no ETag")
    read = bench.accepted(bench.send("GET", str(place)), "retrieve", 200)
    must(read["id"] == made["id"], "Location leads to another record")


def create_fields(bench: Bench) -> None:
    """`fields` limits the answer of a create (generation 5)."""
    if bench.contract.generation < 5:
        raise NotApplicable("generation 4 has no fields on create")
    answer = bench.send("POST", bench.path, query={"fields": "none"}, body=bench.document())
    must(answer.status == 201, f"create answered {answer.status}")
    extra = answer.json().keys() - {"id", "href", "@type"}
    must(not extra, f"fields=none also answered {', '.join(sorted(extra))}")


def unknown_attributes(bench: Bench) -> None:
    """Attributes that no contract has are kept, at the first level and below."""
    kept = {"x-conformance": {"deep": [1, "two", {"three": True}]}, "conformanceText": "kept"}
    sent = bench.document(kept)
    made = bench.accepted(bench.send("POST", bench.path, body=sent), "create", 201)
    problems = bench.lost(kept, made)
    read = bench.accepted(bench.send("GET", bench.one(made["id"])), "retrieve", 200)
    problems += bench.lost(kept, read)
    must(not problems, "; ".join(problems))


def subclass(bench: Bench) -> None:
    """A class nobody knew, said in `@type`, `@baseType` and `@schemaLocation`, is kept, and its schema is not fetched."""
    class_ = {
        "@type": "ConformanceSpecial",
        "@baseType": bench.subject.name[0].upper() + bench.subject.name[1:],
        "@schemaLocation": "https://127.0.0.1:9/none.schema.json",
    }
    made = bench.accepted(bench.send("POST", bench.path, body=bench.document(class_)), "create", 201)
    problems = bench.lost(class_, made)
    must(not problems, "; ".join(problems))


def repeated_create(bench: Bench) -> None:
    """The same `Idempotency-Key` with the same body makes one record; with another body it is refused."""
    sent, key = bench.document(), {"Idempotency-Key": f"{bench.token}-repeated".replace(" ", "-")}
    first = bench.send("POST", bench.path, body=sent, headers=key)
    again = bench.send("POST", bench.path, body=sent, headers=key)
    one, other = bench.accepted(first, "create", 201), bench.accepted(again, "create", 201)
    must(one["id"] == other["id"], "the repetition made another record")
    bench.refused(bench.send("POST", bench.path, body={**sent, "conformance": "other"}, headers=key), 409, 422)


RULES = (create, create_full, location, create_fields, unknown_attributes, subclass, repeated_create)

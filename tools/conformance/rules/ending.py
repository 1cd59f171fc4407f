"""States and deletion: what may follow, and what is gone."""

from tools.conformance.bench import Bench
from tools.conformance.outcome import NotApplicable, must
from tools.conformance.subject import States


def _states(bench: Bench) -> States:
    bench.needs("patch")
    if bench.subject.states is None:
        raise NotApplicable("it has no states")
    return bench.subject.states


def state_illegal(bench: Bench) -> None:
    """409 for a move that the life cycle does not allow; the record stays where it was."""
    states, record = _states(bench), bench.create()
    now = str(record.get(states.attribute))
    allowed = {now, *states.moves.get(now, ())}
    illegal = next((state for state in states.all if state not in allowed), None)
    if illegal is None:
        raise NotApplicable(f"from {now} every state may follow")
    bench.refused(bench.send("PATCH", bench.one(record["id"]), body={states.attribute: illegal}), 409)
    read = bench.send("GET", bench.one(record["id"])).json()
    must(read.get(states.attribute) == now, f"after the refusal it is {read.get(states.attribute)}")


def state_unknown(bench: Bench) -> None:
    """400 for a state that there is not, in a create and in a patch."""
    states, record = _states(bench), bench.create()
    unknown = {states.attribute: "conformance-none"}
    bench.refused(bench.send("PATCH", bench.one(record["id"]), body=unknown), 400)
    bench.refused(bench.send("POST", bench.path, body=bench.document(unknown)), 400)


def delete(bench: Bench) -> None:
    """204 without a body; after it the record is 404 to read, to change and to delete."""
    bench.needs("delete")
    path = bench.one(bench.create()["id"])
    answer = bench.send("DELETE", path)
    must(answer.status in (202, 204), f"delete answered {answer.status} {answer.body[:300].decode(errors='replace')}")
    must(not answer.body or answer.status == 202, "a 204 has a body")
    bench.refused(bench.send("GET", path), 404)
    bench.refused(bench.send("DELETE", path), 404)


def delete_etag(bench: Bench) -> None:
    """`If-Match` of another version is 412 and deletes nothing."""
    bench.needs("delete")
    path = bench.one(bench.create()["id"])
    bench.refused(bench.send("DELETE", path, headers={"If-Match": '"99"'}), 412)
    must(bench.send("GET", path).status == 200, "a refused delete deleted the record")


def delete_unknown_id(bench: Bench) -> None:
    """404 for a record that is not there."""
    bench.needs("delete")
    bench.refused(bench.send("DELETE", bench.one("conformance-nowhere")), 404)


RULES = (state_illegal, state_unknown, delete, delete_etag, delete_unknown_id)

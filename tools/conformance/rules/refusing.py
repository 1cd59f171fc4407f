"""Bad input: each is refused with the status that says why, and a body that TMF630 calls an Error."""

from typing import Any

from tools.conformance.bench import Bench
from tools.conformance.landscape import Document
from tools.conformance.outcome import NotApplicable, Violation, must

_UNFIT: dict[str, Any] = {"string": {"no": "text"}, "boolean": "perhaps", "integer": "many", "number": "many"}
_SERVER_SET = frozenset({"@type", "@referredType", "id", "href", "lastUpdate"})
"""Contracts ask clients for these too; servers set them."""


def malformed_json(bench: Bench) -> None:
    """400 for a body that is no JSON, that is empty, and that is no object."""
    bench.document()
    for body in (b'{"name": ', b"", b"[]", b'"text"', b'{"name": "\xff"}'):
        bench.refused(bench.send("POST", bench.path, body=body), 400)


def media_type(bench: Bench) -> None:
    """415 for a body of another media type."""
    bench.document()
    bench.refused(bench.send("POST", bench.path, body=b"<name/>", media="text/xml"), 415)


def mandatory(bench: Bench) -> None:
    """400 for every mandatory attribute that is left out, by name; `@type` may be left to the server."""
    sent = bench.document()
    required = bench.schemas.required(bench.operations["create"].request, whatever=True) - _SERVER_SET
    if not required:
        raise NotApplicable("no attribute is mandatory")
    for name in sorted(required):
        without = {key: value for key, value in sent.items() if key != name}
        _named(bench, name, without, "without its mandatory")


def wrong_type(bench: Bench) -> None:
    """400 for a value of another type than the contract's, for one attribute of each type."""
    sent, tried = bench.document(), set()
    for name, node in bench.schemas.properties(bench.operations["create"].request).items():
        kind = bench.schemas.resolve(node).get("type")
        if kind in _UNFIT and kind not in tried and name not in _SERVER_SET and "@" not in name:
            tried.add(kind)
            _named(bench, name, {**sent, name: _UNFIT[kind]}, "with a wrong type of")
    if not tried:
        raise NotApplicable("no attribute has a plain type")


def wrong_value(bench: Bench) -> None:
    """400 for a value outside an enumeration of the contract, and for a date that is none."""
    sent, tried = bench.document(), False
    for name, node in bench.schemas.properties(bench.operations["create"].request).items():
        schema = bench.schemas.resolve(node)
        if "enum" in schema and schema.get("type") == "string":
            tried, unfit = True, "conformance-none"
        elif schema.get("format") == "date-time":
            tried, unfit = True, "2026-02-30T00:00:00Z"
        else:
            continue
        _named(bench, name, {**sent, name: unfit}, "with a value that is none of")
    if not tried:
        raise NotApplicable("no attribute has an enumeration or holds an instant")


def _named(bench: Bench, name: str, document: Document, what: str) -> None:
    """The document is refused with 400."""
    answer = bench.send("POST", bench.path, body=document)
    if answer.status == 201:
        raise Violation(f"{what} {name} it was accepted")
    try:
        bench.refused(answer, 400)
    except Violation as error:
        raise Violation(f"{what} {name}: {error}") from error


def unknown_reference(bench: Bench) -> None:
    """422 for a reference to a record of the same half that is not there; an external `href` is left alone."""
    sent = bench.document(full=True)
    for reference in bench.subject.references:
        if "[*]" in reference.path or "." in reference.path or reference.path not in sent:
            continue
        nowhere = {**sent[reference.path], "id": "conformance-nowhere"}
        nowhere.pop("href", None)
        bench.refused(bench.send("POST", bench.path, body={**sent, reference.path: nowhere}), 422)
        return
    raise NotApplicable("no plain reference is checked")


def same_id(bench: Bench) -> None:
    """409 for an `id` that is taken."""
    made = bench.create()
    answer = bench.send("POST", bench.path, body=bench.document({"id": made["id"]}))
    if answer.status == 201:
        must(answer.json()["id"] != made["id"], "a second record took the id of the first")
        raise NotApplicable("the server gives the ids itself")
    bench.refused(answer, 409)


def not_signed_in(bench: Bench) -> None:
    """401 without credentials, and what to bring."""
    kind = next(iter(bench.subject.offered), None)
    if kind is None:
        raise NotApplicable("nothing is offered")
    method = "POST" if bench.subject.offered == {"create"} else "GET"
    answer = bench.send(method, bench.path, headers={"Authorization": ""}, body={} if method == "POST" else None)
    bench.refused(answer, 401)
    must("www-authenticate" in answer.headers, "there is no WWW-Authenticate")


def wrong_method(bench: Bench) -> None:
    """405 with `Allow` for a method that the collection does not have."""
    if not bench.subject.offered & {"create", "list"}:
        raise NotApplicable("the collection is not offered")
    answer = bench.send("PUT", bench.path, body={})
    bench.refused(answer, 405)
    must("allow" in answer.headers, "there is no Allow")


RULES = (
    malformed_json,
    media_type,
    mandatory,
    wrong_type,
    wrong_value,
    unknown_reference,
    same_id,
    not_signed_in,
    wrong_method,
)

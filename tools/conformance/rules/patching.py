"""PATCH: four media types, removal, what may not be changed, and who comes too late."""

from typing import Any

from tools.conformance.bench import Bench
from tools.conformance.landscape import Document
from tools.conformance.outcome import NotApplicable, must

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
JSON_PATCH_QUERY = "application/json-patch-query+json"


def _patched(bench: Bench, record: Document, body: Any, media: str) -> Document:
    answer = bench.send("PATCH", bench.one(record["id"]), body=body, media=media)
    changed: Document = bench.accepted(answer, "patch", 200)
    return changed


def _changes(bench: Bench, media: str) -> None:
    """A change of the free text in a media type: answered, kept, and nothing else touched."""
    offered = bench.needs("patch")
    text, record = bench.need_text(), bench.create()
    if media not in offered.media:
        raise NotApplicable(f"the contract has no {media}")
    value = f"{bench.token} patched"
    bodies: dict[str, Any] = {
        JSON_PATCH: [{"op": "replace", "path": f"/{text}", "value": value}],
        JSON_PATCH_QUERY: [{"op": "replace", "path": f"$.{text}", "value": value}],
    }
    changed = _patched(bench, record, bodies.get(media, {text: value}), media)
    must(changed.get(text) == value, f"{text} is {changed.get(text)!r} after the patch")
    read = bench.accepted(bench.send("GET", bench.one(record["id"])), "retrieve", 200)
    must(read.get(text) == value, f"{text} is {read.get(text)!r} when it is read again")
    gone = bench.lost({name: record[name] for name in record if name not in (text, "lastUpdate")}, read)
    must(not gone, f"the patch also changed {'; '.join(gone)}")


def patch(bench: Bench) -> None:
    """application/json changes as a merge."""
    _changes(bench, "application/json")


def patch_merge(bench: Bench) -> None:
    """application/merge-patch+json (RFC 7396)."""
    _changes(bench, MERGE)


def patch_json(bench: Bench) -> None:
    """application/json-patch+json (RFC 6902)."""
    _changes(bench, JSON_PATCH)


def patch_json_query(bench: Bench) -> None:
    """application/json-patch-query+json: the path may be a JSONPath."""
    _changes(bench, JSON_PATCH_QUERY)


def patch_media_type(bench: Bench) -> None:
    """415 for a PATCH of another media type, 400 for one that is malformed."""
    bench.needs("patch")
    record = bench.create()
    bench.refused(bench.send("PATCH", bench.one(record["id"]), body=b"<name/>", media="text/xml"), 415)
    bench.refused(bench.send("PATCH", bench.one(record["id"]), body=b"{"), 400)
    bench.refused(bench.send("PATCH", bench.one(record["id"]), body=b"[1]", media=MERGE), 400)


def patch_null(bench: Bench) -> None:
    """A null in a merge removes, and no null is answered; an array is replaced as a whole."""
    bench.needs("patch")
    made = bench.create(bench.document({"conformanceText": "there", "conformanceList": [1, 2, 3]}))
    body = {"conformanceText": None, "conformanceList": [4]}
    changed = _patched(bench, made, body, "application/json")
    must("conformanceText" not in changed, f"after null it is {changed.get('conformanceText')!r}")
    must(changed.get("conformanceList") == [4], f"the array is {changed.get('conformanceList')!r}")


def patch_fields(bench: Bench) -> None:
    """`fields` limits the answer of a patch (generation 5)."""
    if bench.contract.generation < 5:
        raise NotApplicable("generation 4 has no fields on patch")
    bench.needs("patch")
    text, record = bench.need_text(), bench.create()
    path = bench.one(record["id"])
    answer = bench.send("PATCH", path, query={"fields": "none"}, body={text: f"{bench.token} fewer"})
    must(answer.status == 200, f"patch answered {answer.status}")
    extra = answer.json().keys() - {"id", "href", "@type"}
    must(not extra, f"fields=none also answered {', '.join(sorted(extra))}")


def patch_fixed(bench: Bench) -> None:
    """400 for `id`, `href` and every attribute that the contract's form for changes leaves out; nothing is changed."""
    bench.needs("patch")
    record = bench.record
    form = bench.schemas.properties(bench.operations["patch"].request)
    own = bench.schemas.properties(bench.operations["retrieve"].answers.get("200"))
    fixed = ["id", "href", *(name for name in own if name not in form and name in record and "@" not in name)]
    for name in dict.fromkeys(fixed):
        value = "conformance-other" if isinstance(record[name], str) else None
        answer = bench.send("PATCH", bench.one(record["id"]), body={name: value})
        must(answer.status != 200, f"{name} could be changed")
        bench.refused(answer, 400)
    read = bench.send("GET", bench.one(record["id"])).json()
    must(read == record, "a refused patch changed the record")


def patch_unknown_id(bench: Bench) -> None:
    """404 for a record that is not there."""
    bench.needs("patch")
    bench.refused(bench.send("PATCH", bench.one("conformance-nowhere"), body={}), 404)


def patch_etag(bench: Bench) -> None:
    """`If-Match` of an older version is 412 and changes nothing; a change gives a new `ETag`."""
    bench.needs("patch")
    text, record = bench.need_text(), bench.create()
    path = bench.one(record["id"])
    before = bench.send("GET", path).headers.get("etag", "")
    changed = bench.send("PATCH", path, body={text: f"{bench.token} first"}, headers={"If-Match": before})
    must(changed.status == 200, f"If-Match of the present version answered {changed.status}")
    after = changed.headers.get("etag")
    must(after and after != before, "the change gave no new ETag")
    bench.refused(bench.send("PATCH", path, body={text: f"{bench.token} second"}, headers={"If-Match": before}), 412)
    must(bench.send("GET", path).headers.get("etag") == after, "a refused patch changed the version")


def patch_extension(bench: Bench) -> None:
    """A patch of one attribute keeps those that no contract has."""
    bench.needs("patch")
    text, record = bench.need_text(), bench.create(bench.document({"conformanceText": "kept"}))
    changed = _patched(bench, record, {text: f"{bench.token} extended"}, "application/json")
    must(changed.get("conformanceText") == "kept", "an attribute that no contract has was lost")


RULES = (
    patch,
    patch_merge,
    patch_json,
    patch_json_query,
    patch_media_type,
    patch_null,
    patch_fields,
    patch_fixed,
    patch_unknown_id,
    patch_etag,
    patch_extension,
)

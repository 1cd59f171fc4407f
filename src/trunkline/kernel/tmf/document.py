"""Documents: the JSON that is stored, patched and returned, and small pure operations on it."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import jsonpath
import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.web.body import SIZE_MAX
from trunkline.kernel.web.json_check import check_json

Document = dict[str, Any]
IDENTITY = ("id", "href", "@type")
OPERATIONS_MAX = 200
TOKEN_PART_MAX = 200

_DOES_NOT_APPLY = (
    jsonpath.JSONPatchError,
    jsonpath.JSONPointerError,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    RecursionError,
)
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any, float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def encode(value: Any) -> bytes:
    """JSON bytes; Decimals as numbers, exactly."""
    return _encoder.encode(value)


def decode(text: str | bytes) -> Any:
    """JSON to Python. Numbers with a fraction become Decimal, so that no price passes through a float."""
    return _decoder.decode(text)


def parse_body(raw: bytes) -> Any:
    """A request's body, its bytes checked already (`check_json`), with exact numbers. Raises Invalid for what is not
    JSON."""
    try:
        return decode(raw)
    except UnicodeDecodeError as error:
        raise Invalid("malformedJson", "The body is not UTF-8.", path="$") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid("malformedJson", "The body is not JSON.", message=f"{error}.", path="$") from error


def without_nulls(value: Any) -> Any:
    """The value without members that are null: v5 never emits null."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes, objects merge, everything else replaces. Neither argument is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(target: Document, operations: Any) -> Document:
    """RFC 6902. Raises Invalid when the patch is malformed, does not apply or a `test` fails."""
    if not isinstance(operations, list) or len(operations) > OPERATIONS_MAX:
        raise Invalid("invalidPatch", f"A JSON Patch is an array of at most {OPERATIONS_MAX} operations.", path="$")
    patched: Any = decode(encode(target))
    for number, operation in enumerate(operations):
        try:
            patched = jsonpath.JSONPatch([operation]).apply(patched)
            # Every copy may double the document: thirty of them would fill the memory.
            text = encode(patched) if operation.get("op") == "copy" else b""
        except _DOES_NOT_APPLY as error:
            raise Invalid(
                "invalidPatch",
                "The JSON Patch does not apply.",
                message=f"{str(error)[:300]}. Nothing was changed.",
                path=f"$[{number}]",
            ) from error
        if len(text) > SIZE_MAX:
            raise Invalid("invalidPatch", f"A document has at most {SIZE_MAX} bytes.", path=f"$[{number}]")
        if text:
            check_json(text)
    if not isinstance(patched, dict):
        raise Invalid("invalidPatch", "The JSON Patch does not leave an object.", path="$")
    return patched


def difference(before: Document, after: Document) -> tuple[Document, Document]:
    """The first-level attributes that differ, as they were and as they are."""
    changed = [key for key in {**before, **after} if not same(before.get(key), after.get(key))]
    return ({k: before[k] for k in changed if k in before}, {k: after[k] for k in changed if k in after})


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON: 1 is not true, as it is to Python."""
    if one != other or isinstance(one, bool) != isinstance(other, bool):
        return False
    if isinstance(one, dict):
        return all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return all(map(same, one, other))
    return True


def select_fields(document: Document, fields: tuple[str, ...] | None) -> Document:
    """Only the named attributes (dotted names reach inside, also through arrays) and the identity; None keeps all."""
    if fields is None:
        return document
    kept = {key: document[key] for key in IDENTITY if key in document}
    for field in fields:
        _keep(document, kept, field.split("."))
    return kept


def _keep(source: Any, target: Any, steps: list[str]) -> None:
    if not isinstance(source, dict) or steps[0] not in source:
        return
    head, rest = steps[0], steps[1:]
    value = source[head]
    if not rest or not isinstance(value, (dict, list)):
        target[head] = value
    elif isinstance(value, dict):
        _keep(value, target.setdefault(head, {}), rest)
    else:
        items = target.setdefault(head, [{} for _ in value])
        for item, kept in zip(value, items, strict=True):
            _keep(item, kept, rest)


def values_at(document: Any, steps: list[str]) -> Iterator[Any]:
    """All values at a dotted path, through arrays."""
    if isinstance(document, list):
        for item in document:
            yield from values_at(item, steps)
    elif not steps:
        yield document
    elif isinstance(document, dict) and steps[0] in document:
        yield from values_at(document[steps[0]], steps[1:])


def tokens_of(document: Document, aliases: Iterable[str] = ()) -> list[str]:
    """What the GIN index finds a document by: references, external identifiers and characteristics.

    "relatedParty.id=…" for every object with an `id` one or two levels down, "externalIdentifier.id=…", and for
    every characteristic `name` with a plain value "<attribute>.<name>=<value>". Names and values over 200
    characters are left out: an index entry has an end.
    """
    found: set[str] = set()
    for key, value in document.items():
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, dict):
                _tokens(key, item, found, 2)
    for alias in aliases:
        for value in values_at(document, alias.split(".")):
            _add(found, alias, value)
    return sorted(found)


def _tokens(path: str, item: Document, found: set[str], depth: int) -> None:
    if "id" in item:
        _add(found, f"{path}.id", item["id"])
    if "name" in item and "value" in item:
        _add(found, f"{path}.{item['name']}", item["value"])
    if depth > 1:
        for key, value in item.items():
            for inner in value if isinstance(value, list) else (value,):
                if isinstance(inner, dict):
                    _tokens(f"{path}.{key}", inner, found, depth - 1)


def _add(found: set[str], path: str, value: Any) -> None:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if value is None or isinstance(value, (dict, list)) or len(path) > TOKEN_PART_MAX:
        return
    if len(str(value)) <= TOKEN_PART_MAX:
        found.add(f"{path}={value}")

"""JSON Patch Query (TMF630 part 5): a JSON Patch whose paths select elements of arrays by what they hold.

A path is one of
    /orderItem/quantity?orderItem.productOffering.id=1513    a pointer without indices, and conditions on the way
    $.orderItem[?(@.productOffering.id=='1513')].quantity    a JSONPath
    /orderItem/0/quantity                                    a plain JSON Pointer
An operation is carried out at every place that its path selects; one that selects nothing does not apply.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

import jsonpath
from jsonpath.selectors import NameSelector

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.document import OPERATIONS_MAX, Document, json_patch, values_at

PLACES_MAX = 1_000
LENGTH_MAX = 2_000
CONDITIONS_MAX = 20

_environment = jsonpath.JSONPathEnvironment()
_environment.function_extensions.clear()  # some of them run regular expressions of the client's


def json_patch_query(target: Document, operations: Any) -> Document:
    """Apply the operations in turn. Raises Invalid when the patch is malformed, selects nothing, or a `test` fails."""
    if not isinstance(operations, list) or len(operations) > OPERATIONS_MAX:
        raise Invalid("invalidPatch", f"A patch is an array of at most {OPERATIONS_MAX} operations.", path="$")
    patched = target
    for number, operation in enumerate(operations):
        try:
            patched = json_patch(patched, list(_plain(patched, operation)))
        except Invalid as refusal:
            raise Invalid(
                refusal.code, refusal.reason, message=refusal.message, path=f"$[{number}]", hint=refusal.hint
            ) from refusal
    return patched


def _plain(document: Document, operation: Any) -> Iterator[Any]:
    """The operation at each place that its path selects, as plain JSON Patch."""
    if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
        yield operation  # for JSON Patch to refuse
        return
    places = _places(document, operation["path"], is_new=operation.get("op") in ("add", "copy", "move"))
    if operation.get("op") == "remove":
        places.reverse()  # from the end, so that the places of the others stay
    origin = {}
    if isinstance(operation.get("from"), str):
        sources = _places(document, operation["from"], is_new=False)
        if len(sources) != 1:
            raise _refusal(f"'from' selects {len(sources)} places, not one.")
        origin = {"from": sources[0]}
    for place in places:
        yield {**operation, **origin, "path": place}


def _places(document: Document, path: str, *, is_new: bool) -> list[str]:
    """The JSON Pointers that a path selects. Raises Invalid for none."""
    if len(path) > LENGTH_MAX:
        raise _refusal(f"A path has at most {LENGTH_MAX} characters.")
    if path.startswith("$"):
        found = list(_by_jsonpath(document, path, is_new=is_new))
    elif "?" in path:
        found = list(_by_conditions(document, path))
    else:
        return [path]
    if not found:
        raise _refusal(f"{path[:200]} selects nothing.")
    return found


def _by_jsonpath(document: Document, path: str, *, is_new: bool) -> Iterator[str]:
    if "=~" in path:
        raise _refusal("Regular expressions are not offered in the path of a patch.")
    try:
        compiled = _environment.compile(path)
        if not isinstance(compiled, jsonpath.JSONPath):
            raise _refusal("A union of paths is not offered in a patch.")
        last = None
        if is_new and (last := _last_name(compiled)) is not None:
            compiled = jsonpath.JSONPath(env=_environment, segments=compiled.segments[:-1])
        for number, match in enumerate(compiled.finditer(document)):
            if number == PLACES_MAX:
                raise _refusal(f"A path selects at most {PLACES_MAX} places.")
            steps = [*match.parts, *([] if last is None else [last])]
            yield _pointer(steps)
    except (jsonpath.JSONPathError, RecursionError, ValueError, TypeError) as error:
        raise _refusal(f"{str(error)[:200]}.") from error


def _last_name(compiled: jsonpath.JSONPath) -> str | None:
    """The name at the end of a path, which need not be there when something is put there."""
    selectors = list(compiled.segments[-1].selectors) if compiled.segments else []
    return selectors[0].name if len(selectors) == 1 and isinstance(selectors[0], NameSelector) else None


def _by_conditions(document: Document, path: str) -> Iterator[str]:
    pointer, _, query = path.partition("?")
    if not pointer.startswith("/"):
        raise _refusal("A path begins with / or $.")
    conditions = [part.partition("=") for part in query.split("&")]
    if len(conditions) > CONDITIONS_MAX or not all(name and sign for name, sign, _ in conditions):
        raise _refusal("Conditions read attribute=value, joined by &.")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]
    wanted = [(unquote(name).split("."), unquote(value)) for name, _, value in conditions]
    for name, _ in wanted:
        if name[0] != steps[0]:
            raise _refusal(f"The condition on {'.'.join(name)[:100]} is about nothing on the way to {pointer[:100]}.")
    yield from _walk(document, steps, (), (), wanted)


def _walk(
    here: Any,
    steps: list[str],
    place: tuple[str | int, ...],
    names: tuple[str, ...],
    wanted: list[tuple[list[str], str]],
) -> Iterator[str]:
    """Places below `here`, which stands at `place`; `names` is the same without indices."""
    about = [(name[len(names) :], value) for name, value in wanted if tuple(name[: len(names)]) == names]
    inner = [condition for condition in about if condition[0]]
    if isinstance(here, list) and (steps or inner):
        for index, item in enumerate(here):
            if all(_holds(item, name, value) for name, value in inner):
                if steps:
                    yield from _walk(item, steps, (*place, index), names, wanted)
                else:
                    yield _pointer((*place, index))
    elif not steps:
        yield _pointer(place)
    elif isinstance(here, dict) and (steps[0] in here or len(steps) == 1):
        yield from _walk(here.get(steps[0]), steps[1:], (*place, steps[0]), (*names, steps[0]), wanted)


def _holds(item: Any, name: list[str], value: str) -> bool:
    return any(_text(found) == value for found in values_at(item, name))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pointer(steps: Iterable[str | int]) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _refusal(said: str) -> Invalid:
    return Invalid("invalidPatch", "The patch does not apply.", message=f"{said} Nothing was changed.", path="$")

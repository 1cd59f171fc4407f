"""Checking a document against its entity: every field error at once, each with its path."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.document import Document
from trunkline.kernel.tmf.entity import EntityInfo
from trunkline.kernel.tmf.types import RESOURCE_TYPES

ID_LENGTH_MAX = 200
HOT_LENGTH_MAX = 400
"""Characters of a text with a column of its own: its index entry holds the id beside it and has to fit a third of a page."""
_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)


def check_document(entity: type[msgspec.Struct], document: Document, required: tuple[str, ...]) -> None:
    """Raise Invalid, with one problem for each wrong or missing attribute."""
    problems = missing(document, required)
    try:
        msgspec.convert(document, entity)
    except msgspec.ValidationError:
        problems += _type_problems(entity, document)
    if problems:
        raise Invalid.all_of(problems)


def check_sent(document: Document, required: tuple[str, ...], closed: Mapping[str, tuple[str, ...]]) -> None:
    """Raise Invalid, with one problem for each mandatory attribute that is missing and each value that its contract's
    enumeration does not have."""
    problems = [*missing(document, required), *unknown_values(document, closed)]
    if problems:
        raise Invalid.all_of(problems)


def unknown_values(document: Document, closed: Mapping[str, tuple[str, ...]]) -> Iterator[Invalid]:
    """A problem for each attribute whose value is none of those that it may have."""
    for name in closed.keys() & document.keys():
        value = document[name]
        if isinstance(value, str) and value not in closed[name]:
            yield Invalid(
                "unknownValue", f"{value[:100]!r} is no value of {name}.", path=f"$.{name}", allowed=closed[name]
            )


def missing(document: Document, required: tuple[str, ...]) -> list[Invalid]:
    """A problem for each mandatory attribute that is not there."""
    return [
        Invalid("missingAttribute", f"{path} is mandatory.", path=f"$.{path}")
        for path in required
        if _missing(document, path.split("."))
    ]


def check_lengths(document: Document, attributes: Iterable[str]) -> None:
    """Raise Invalid where an attribute with a column of its own is longer than its index can hold."""
    for attribute in attributes:
        value = document.get(attribute)
        if isinstance(value, str) and len(value) > HOT_LENGTH_MAX:
            raise Invalid("tooLong", f"{attribute} has at most {HOT_LENGTH_MAX} characters.", path=f"$.{attribute}")


def check_type(info: EntityInfo, document: Document) -> None:
    """Raise Invalid where `@type` names another resource: a class of one's own is welcome (TMF630, extension by subclass),
    one that stands for something else is not."""
    named = document.get("@type")
    if named in RESOURCE_TYPES and named not in (info.name, *info.subtypes):
        raise Invalid(
            "wrongType",
            f"A {info.name} cannot be of the type {named}.",
            path="$.@type",
            allowed=(info.name, *info.subtypes),
        )


def id_problem(id_: Any) -> Invalid | None:
    """What is wrong with an identifier that a client chose, or None."""
    if not isinstance(id_, str) or not 0 < len(id_) <= ID_LENGTH_MAX or not id_.isprintable() or "/" in id_:
        return Invalid(
            "invalidId", f"An id is printable text of 1 to {ID_LENGTH_MAX} characters without a slash.", path="$.id"
        )
    if id_ in (".", ".."):
        return Invalid("invalidId", "Such an id cannot stand in a path.", path="$.id")
    return None


def _missing(document: Any, steps: list[str]) -> int:
    """1 when the path is mandatory and not there. A parent that is absent asks for nothing."""
    if isinstance(document, list):
        return max((_missing(item, steps) for item in document), default=0)
    if not isinstance(document, dict):
        return 0
    head, rest = steps[0].removesuffix("[*]"), steps[1:]
    if not rest:
        value = document.get(head)
        return int(value is None or value == [])
    return _missing(document[head], rest) if head in document else 0


def _type_problems(entity: type[msgspec.Struct], document: Document) -> list[Invalid]:
    """One problem an attribute: msgspec stops at the first, so each attribute is tried by itself."""
    problems = []
    for name, value in document.items():
        try:
            msgspec.convert({name: value}, entity)
        except msgspec.ValidationError as error:
            problems.append(problem_of(error))
    return problems


def problem_of(error: msgspec.ValidationError) -> Invalid:
    """msgspec's message, taken apart into what and where."""
    match = _AT.match(str(error))
    what, path = (match["what"], match["path"]) if match else (str(error), None)
    return Invalid("invalidAttribute", f"{what}.", path=path or "$")

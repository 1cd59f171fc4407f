"""Generation 4 of a resource that is stored in generation 5's conventions: one document, two faces.

What differs is declared by type, as data generated from the contracts (`tools/entities`): an attribute with another name,
a reference that the older form writes flat, an object that it writes nested, one value where the newer has many.
What is not declared is the same in both. `newer(older(document))` is the document again, but for what the older form cannot
say; `merged` keeps that through a change.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from trunkline.kernel.tmf.document import Document, decode, encode


class Shape(msgspec.Struct, frozen=True):
    """What differs between the two forms of one type.

    name       the type's name in generation 4, and `stored_as` as it is stored: what `@type` says where nobody said more
    members    stored attribute → shape of the objects in it
    renames    stored attribute → its name in generation 4
    wraps      attribute of generation 4 → where its plain value is stored: "externalIdentifier[].id"
    singles    attributes that are stored as an array and are one object in generation 4
    fold       stored attribute whose object generation 4 merges into this one, all but `outer`
    nest       attribute of generation 4 that holds what is stored here, all but `outer`
    """

    name: str
    stored_as: str
    members: Mapping[str, str] = {}
    renames: Mapping[str, str] = {}
    wraps: Mapping[str, str] = {}
    singles: tuple[str, ...] = ()
    fold: str | None = None
    nest: str | None = None
    outer: tuple[str, ...] = ()


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as generation 4 has it. The names are those of `EntityInfo`; `shapes` are its API's, by name; `own` are
    attributes, by their dotted paths, that only this generation knows."""

    name: str
    resource: str
    required: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    patch_forbidden: tuple[str, ...] = ()
    closed: Mapping[str, tuple[str, ...]] = {}
    own: tuple[str, ...] = ()
    shapes: Mapping[str, Shape] = {}

    def older(self, document: Document) -> Document:
        """The stored document as generation 4 shows it."""
        return _older(document, self.shapes.get(self.name), self.shapes)

    def newer(self, document: Document) -> Document:
        """What a client of generation 4 sent, as it is stored."""
        return _newer(document, self.shapes.get(self.name), self.shapes)

    def edited(self, before: Document, edit: Callable[[Document], Document]) -> Document:
        """The stored document after an edit of its generation 4 form: what the edit left alone stays as it was stored."""
        shown = self.older(before)
        unchanged, after = self.newer(shown), self.newer(edit(shown))
        merged = {}
        for name, value in after.items():
            kept = name in before and name in unchanged and unchanged[name] == value
            merged[name] = before[name] if kept else value
        hidden = before.keys() - unchanged.keys()
        return {**{name: before[name] for name in hidden}, **merged}

    def newer_path(self, path: str) -> str:
        """Where an attribute of generation 4, by its dotted path, is stored: "relatedParty.id" is
        "relatedParty.partyOrPartyRole.id"."""
        found: list[str] = []
        shape = self.shapes.get(self.name)
        for step in path.split("."):
            place = step
            if shape is not None:
                if shape.nest == step:
                    continue
                place = _stored_name(shape, step)
                if shape.fold and shape.fold != place and not _stays(shape, place):
                    found.append(shape.fold)
            found.append(place)
            inner = place.partition(".")[0]
            shape = self.shapes.get(shape.members.get(inner, "")) if shape is not None else None
        return ".".join(found)

    def older_path(self, path: str) -> str:
        """Where generation 4 shows a stored attribute, by its path as errors name it: "$.relatedParty[0].role"."""
        found: list[str] = []
        shape = self.shapes.get(self.name)
        holder = shape
        for step in path.split("."):
            name, bracket, index = step.partition("[")
            if shape is not None and shape.fold == name:
                holder, shape = shape, None
                continue
            known = shape or holder
            shown = known.renames.get(name, name) if known is not None and name != "$" else name
            if shape is not None and shape.nest and name != "$" and not _stays(shape, shown):
                found.append(shape.nest)
            found.append(shown + bracket + index)
            if name != "$":
                shape = self.shapes.get(known.members.get(name, "")) if known is not None else None
                holder = None
        return ".".join(found)


def older_text(face: Face, path: tuple[str, str]) -> Callable[[str], bytes]:
    """A function from a stored document's JSON text to that of generation 4, which looks only at what differs.

    path  what its `href` begins with as stored, and what it becomes
    """
    shape = face.shapes.get(face.name)
    decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
    stored, shown = (f'"{prefix}'.encode() for prefix in path)
    signs = {} if shape is None else _signs(shape, face.shapes)
    own_type = None if shape is None or shape.name == shape.stored_as else f'"{shape.stored_as}"'.encode()

    def show(text: str) -> bytes:
        document: dict[str, Any] = decoder.decode(text)
        differing = {}
        for name in signs.keys() & document.keys():
            found = signs[name]
            if found is None or found.search(document[name]):
                differing[name] = decode(document.pop(name))
        if own_type is not None and bytes(document.get("@type", b"")) == own_type:
            differing["@type"] = decode(document.pop("@type"))
        if differing:
            document |= _older(differing, shape, face.shapes)
        href = bytes(document.get("href", b""))
        if href.startswith(stored):
            document["href"] = msgspec.Raw(shown + href[len(stored) :])
        return encode(document)

    return show


def _signs(shape: Shape, shapes: Mapping[str, Shape]) -> dict[str, "re.Pattern[bytes] | None"]:
    """The attributes that may differ, each with what its text holds when it does; None: always."""
    wrapped = {target.partition(".")[0].removesuffix("[]") for target in shape.wraps.values()}
    signs: dict[str, re.Pattern[bytes] | None] = dict.fromkeys((*shape.renames, *shape.singles, *wrapped))
    for name, member in shape.members.items():
        words = _words(member, shapes, set())
        if name not in signs and words != set():
            signs[name] = None if words is None else re.compile(b"|".join(re.escape(w.encode()) for w in sorted(words)))
    if shape.fold:
        signs[shape.fold] = None
    return signs


def _words(name: str, shapes: Mapping[str, Shape], seen: set[str]) -> set[str] | None:
    """Quoted texts one of which stands in each document of this shape, or below, whose two forms differ; None where every
    document may differ."""
    shape = shapes.get(name)
    if shape is None or name in seen:
        return set()
    seen.add(name)
    if shape.nest:
        return None
    words = {*shape.renames, *shape.singles, *((shape.fold,) if shape.fold else ())}
    words |= {target.partition(".")[0].removesuffix("[]") for target in shape.wraps.values()}
    if shape.name != shape.stored_as:
        words.add(shape.stored_as)
    found = {f'"{word}"' for word in words}
    for member in shape.members.values():
        below = _words(member, shapes, seen)
        if below is None:
            return None
        found |= below
    return found


def _older(document: Document, shape: Shape | None, shapes: Mapping[str, Shape]) -> Document:
    if shape is None:
        return document
    shown = (
        _members_older(document, shape, shapes) if shape.members or shape.renames or shape.singles else dict(document)
    )
    for name, place in shape.wraps.items():
        _unwrap(shown, name, *_wrapping(place))
    if shown.get("@type") == shape.stored_as:
        shown["@type"] = shape.name
    if shape.fold and isinstance(shown.get(shape.fold), dict):
        shown = _folded(shown, shape, shapes)
    if shape.nest:
        inner = {name: value for name, value in shown.items() if not _stays(shape, name)}
        shown = {name: value for name, value in shown.items() if _stays(shape, name)}
        if inner:
            shown[shape.nest] = inner
    return shown


def _members_older(document: Document, shape: Shape, shapes: Mapping[str, Shape]) -> Document:
    shown: Document = {}
    for name, value in document.items():
        if name in shape.members:
            value = _each(value, shapes.get(shape.members[name]), shapes, _older)
        if name in shape.singles and isinstance(value, list):
            if not value:
                continue
            value = value[0]
        shown[shape.renames.get(name, name)] = value
    return shown


def _newer(document: Document, shape: Shape | None, shapes: Mapping[str, Shape]) -> Document:
    if shape is None:
        return document
    if shape.nest and isinstance(document.get(shape.nest), dict):
        inner = document[shape.nest]
        document = {**inner, **{name: value for name, value in document.items() if name != shape.nest}}
    stored: Document = {}
    for name, value in document.items():
        place = _stored_name(shape, name)
        if place in shape.members:
            value = _each(value, shapes.get(shape.members[place]), shapes, _newer)
        if place in shape.singles and isinstance(value, dict):
            value = [value]
        if name not in shape.wraps:
            stored[place] = value
    for name, place in shape.wraps.items():
        if name in document:
            _wrap(stored, document[name], *_wrapping(place))
    if stored.get("@type") == shape.name:
        stored["@type"] = shape.stored_as
    if shape.fold and shape.fold not in stored:
        inner = {name: value for name, value in stored.items() if not _stays(shape, name)}
        stored = {name: value for name, value in stored.items() if _stays(shape, name)}
        if inner:
            stored[shape.fold] = inner
    return stored


_Map = Callable[[Document, Shape | None, Mapping[str, Shape]], Document]


def _each(value: Any, shape: Shape | None, shapes: Mapping[str, Shape], form: _Map) -> Any:
    if isinstance(value, list):
        return [form(item, shape, shapes) if isinstance(item, dict) else item for item in value]
    return form(value, shape, shapes) if isinstance(value, dict) else value


def _stays(shape: Shape, name: str) -> bool:
    """Whether an attribute stays with the holder when the rest is folded or nested. What a reference says of its target
    goes with the reference."""
    return name in shape.outer or (name.startswith("@") and name != "@referredType")


def _folded(shown: Document, shape: Shape, shapes: Mapping[str, Shape]) -> Document:
    inner = dict(shown.pop(str(shape.fold)))
    for name, member in shape.members.items():
        if name in inner:
            inner[name] = _each(inner[name], shapes.get(member), shapes, _older)
    kind = inner.pop("@type", None)
    if kind is not None and "@referredType" not in inner:
        inner["@referredType"] = kind
    return {**inner, **shown}


def _stored_name(shape: Shape, name: str) -> str:
    if name in shape.wraps:
        return shape.wraps[name].replace("[]", "")
    return next((place for place, shown in shape.renames.items() if shown == name), name)


def _wrapping(place: str) -> tuple[str, bool, str]:
    holder, _, key = place.partition(".")
    return holder.removesuffix("[]"), holder.endswith("[]"), key


def _unwrap(shown: Document, name: str, holder: str, many: bool, key: str) -> None:
    value = shown.get(holder)
    first = value[0] if many and isinstance(value, list) and value else value
    if not isinstance(first, dict) or key not in first:
        return
    shown[name] = first[key]
    if holder != name and first.keys() <= {key, "@type"} and not (many and len(value or ()) > 1):
        del shown[holder]


def _wrap(stored: Document, value: Any, holder: str, many: bool, key: str) -> None:
    there = stored.get(holder)
    first = there[0] if many and isinstance(there, list) and there else there
    if value is None:
        return
    wrapped = {**(first if isinstance(first, dict) else {}), key: value}
    rest = there[1:] if many and isinstance(there, list) else []
    stored[holder] = [wrapped, *rest] if many else wrapped

"""How generation 4 shows what is stored in generation 5's conventions, worked out by walking both contracts side by side.

Most attributes are the same in both. Where they are not, `faces.toml` says what became what; an attribute that only one
generation knows, with nothing said of it, stays as it is, because unknown attributes survive.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from tools.entities.shapes import Shapes, Type, plain
from trunkline.kernel.tmf.face import Face
from trunkline.kernel.tmf.face import Shape as FaceForm

Ours = Callable[[str], Mapping[str, Type]]
"""A type's stored attributes by its name."""


class Hints(msgspec.Struct, frozen=True):
    """faces.toml."""

    resources: dict[str, str]
    folds: dict[str, str]
    nests: dict[str, str]
    renames: dict[str, str]
    wraps: dict[str, str]
    types: dict[str, str]


class FaceShape(msgspec.Struct, frozen=True, omit_defaults=True):
    """What differs between the two forms of one type; becomes a `Shape` of `kernel.tmf.face`."""

    name: str
    stored_as: str
    members: dict[str, str] = {}
    renames: dict[str, str] = {}
    wraps: dict[str, str] = {}
    singles: tuple[str, ...] = ()
    fold: str | None = None
    nest: str | None = None
    outer: tuple[str, ...] = ()

    def differs(self) -> bool:
        """Whether the type by itself is another, whatever its members are."""
        return bool(self.renames or self.wraps or self.singles or self.fold or self.nest)


def read_hints() -> Hints:
    """The table beside this module."""
    text = Path(__file__).with_name("faces.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Hints)


class FaceWalk:
    """One API's generation 4 types beside the stored ones.

    shapes  the generation 4 contract
    ours    the attributes of a stored type
    """

    def __init__(self, shapes: Shapes, ours: Ours, hints: Hints) -> None:
        self._shapes = shapes
        self.ours = self._ours = ours
        self._hints = hints
        self._found: dict[str, FaceShape] = {}
        self._keys: dict[tuple[str, str], str] = {}

    def resource(self, name: str, stored: str) -> None:
        """Walk a resource's type and all that it reaches."""
        self._walk(name, stored)

    def result(self) -> dict[str, FaceShape]:
        """The shapes that differ or reach one that does, by generation 4 name, their members cut to such."""
        kept = {name for name, shape in self._found.items() if shape.differs()}
        while True:
            more = {n for n, s in self._found.items() if n not in kept and kept & set(s.members.values())}
            if not more:
                break
            kept |= more
        return {
            name: msgspec.structs.replace(shape, members={k: v for k, v in shape.members.items() if v in kept})
            for name, shape in sorted(self._found.items())
            if name in kept
        }

    def _walk(self, name: str, stored: str) -> str:
        known = self._keys.get((plain(name), stored))
        if known:
            return known
        # One that is stored in two ways has two shapes: a party beside a party's reference.
        key = plain(name) if plain(name) not in self._found else f"{plain(name)}/{stored}"
        self._keys[plain(name), stored] = key
        self._found[key] = FaceShape(plain(name), stored)  # a type that holds itself finds this
        older = self._shapes.resource(name).attributes if name in self._shapes else {}
        ours = self._ours(stored)
        shape = self._compared(plain(name), stored, older, ours)
        back = {attribute: place for place, attribute in shape.renames.items()}
        inside: Mapping[str, Type] = {}
        if shape.fold and ours[shape.fold].entity:
            inside = self._ours(str(ours[shape.fold].entity))
        members = {}
        for attribute, kind in older.items():
            place = back.get(attribute, attribute)
            target = ours.get(place) or inside.get(place)
            if kind.entity and target is not None and target.entity:
                members[place] = self._walk(kind.entity, target.entity)
        self._found[key] = msgspec.structs.replace(shape, members=members)
        return key

    def _compared(self, key: str, stored: str, older: Mapping[str, Type], ours: Mapping[str, Type]) -> FaceShape:
        renames, wraps, singles = {}, {}, []
        for attribute, kind in older.items():
            renamed, wrapped = (
                hints.get(f"{key}.{attribute}") or hints.get(f"*.{attribute}", "")
                for hints in (self._hints.renames, self._hints.wraps)
            )
            if attribute in ours:
                if ours[attribute].many and not kind.many and kind.entity:
                    singles.append(attribute)
                elif ours[attribute].entity and not kind.entity and wrapped.startswith(attribute):
                    wraps[attribute] = wrapped
            elif renamed in ours and renamed not in older:
                renames[renamed] = attribute
            elif wrapped.partition(".")[0].removesuffix("[]") in ours:
                wraps[attribute] = wrapped
        fold, nest = self._hints.folds.get(key), self._hints.nests.get(key)
        if fold in older or fold not in ours:
            fold = None
        if nest in ours or nest not in older:
            nest = None
        holder = ours if fold else older
        outer = [n for n in holder if n not in (fold, nest) and not n.startswith("@")] if fold or nest else []
        return FaceShape(
            key, stored, {}, renames, wraps, tuple(singles), fold=fold, nest=nest, outer=tuple(sorted(outer))
        )


def own_paths(older: Shapes, name: str, stored: str, ours: Ours, shapes: Mapping[str, FaceShape]) -> Iterator[str]:
    """The attributes of a resource, and those one level down, that are stored where no stored type knows them."""
    known = {key: FaceForm(**msgspec.structs.asdict(shape)) for key, shape in shapes.items()}
    face = Face(name=name, resource=name, shapes=known)
    for attribute, kind in sorted(older.resource(name).attributes.items()):
        if not _is_known(face.newer_path(attribute), stored, ours):
            yield attribute
            continue
        inside = older.resource(kind.entity).attributes if kind.entity and kind.entity in older else {}
        for inner in sorted(inside):
            path = f"{attribute}.{inner}"
            if not inner.startswith("@") and not _is_known(face.newer_path(path), stored, ours):
                yield path


def _is_known(path: str, stored: str, ours: Ours) -> bool:
    here: str | None = stored
    for step in path.split("."):
        if here is None:
            return True
        kind = ours(here).get(step)
        if kind is None:
            return False
        if kind.kind != "entity":
            return True  # a plain value, or a free object in which every name is known
        here = kind.entity
    return True

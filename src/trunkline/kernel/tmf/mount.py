"""Where a resource is served: one mount a generation, with its path, its operations and the form of its documents."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from trunkline.kernel.errors import Invalid, TrunklineError
from trunkline.kernel.tmf.apis import api_path
from trunkline.kernel.tmf.document import Document
from trunkline.kernel.tmf.entity import EntityInfo
from trunkline.kernel.tmf.face import Face, older_text
from trunkline.kernel.tmf.json_filter import translate
from trunkline.kernel.tmf.query import Clause, Query
from trunkline.kernel.tmf.resource import Resource

_EVENT_WORDS = {
    "Create": ("Create", "Creation"),
    "StateChange": ("StateChange", "StatusChange", "ExecutionStateChange", "Change"),
    "AttributeValueChange": ("AttributeValueChange", "Change"),
    "Delete": ("Delete", "Remove"),
}
"""What happens to a record → how contracts name it, the most usual first."""


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """One face of a resource.

    api              "TMF622"
    generation       4 or 5
    name             last part of the path
    path             of the collection: "/tmf-api/productCatalogManagement/v4/catalog"
    operations       what HTTP offers here
    required         mandatory on create here
    patch_forbidden  what a client may not change here
    closed           attributes that take certain values only
    events           notifications that the contract declares
    face             how documents look, None as they are stored
    """

    resource: Resource[Any]
    api: str
    generation: int
    name: str
    path: str
    operations: tuple[str, ...]
    required: tuple[str, ...]
    patch_forbidden: tuple[str, ...]
    closed: Mapping[str, tuple[str, ...]]
    events: tuple[str, ...]
    face: Face | None = None

    @property
    def event_names(self) -> dict[str, str]:
        """Event type → its name in this face's contract, where that is another."""
        found = {}
        for kind, words in _EVENT_WORDS.items():
            name = next((n for word in words if (n := f"{self.type_name}{word}Event") in self.events), None)
            type_ = f"{self.resource.info.name}{kind}Event"
            if name is not None and name != type_:
                found[type_] = name
        return found

    @property
    def published(self) -> tuple[str, ...]:
        """The types of the events that the record's changes publish, in this face's names."""
        resource = self.resource
        kinds = (
            ["Create", "AttributeValueChange"] + ["StateChange"] * (resource.state_attribute is not None) + ["Delete"]
        )
        types = [f"{resource.info.name}{kind}Event" for kind in kinds] if resource.writable else []
        names = self.event_names
        return tuple(dict.fromkeys(names.get(type_, type_) for type_ in types))

    @property
    def type_name(self) -> str:
        """The resource's class in this generation."""
        return self.face.name if self.face else self.resource.info.name

    def shown(self, document: Document) -> Document:
        """A stored document as this face shows it."""
        if self.face is None and self.path == self.resource.base_path:
            return document
        shown = self.face.older(document) if self.face else document
        href = shown.get("href")
        if isinstance(href, str) and href.startswith(f"{self.resource.base_path}/"):
            shown = {**shown, "href": self.path + href[len(self.resource.base_path) :]}
        return shown

    def text_shown(self) -> Callable[[str], bytes]:
        """A function from a stored document's JSON text to that of this face."""
        if self.face is None and self.path == self.resource.base_path:
            return str.encode
        return older_text(self.face or _AS_STORED, (f"{self.resource.base_path}/", f"{self.path}/"))

    def stored(self, document: Document) -> Document:
        """What a client sent, as it is stored."""
        return document if self.face is None else self.face.newer(document)

    def edit(self, edit: Callable[[Document], Document]) -> Callable[[Document], Document]:
        """An edit of this face's documents as an edit of stored ones."""
        if self.face is None:
            return edit
        face = self.face
        return lambda before: face.edited(before, edit)

    def query(self, query: Query) -> Query:
        """A list request in this face's names as one in stored names."""
        place = self.stored_path
        wanted = None if query.filter is None else translate(query.filter, place)
        if self.face is None:
            return query if wanted is None else msgspec.structs.replace(query, wanted=wanted)
        clauses = tuple(Clause(place(clause.path), clause.operator, clause.values) for clause in query.clauses)
        sort = tuple((place(path), descending) for path, descending in query.sort)
        own = tuple(map(place, self.face.own))
        return msgspec.structs.replace(query, clauses=clauses, sort=sort, wanted=wanted, own=own)

    def stored_path(self, path: str) -> str:
        """Where an attribute of this face is stored."""
        return path if self.face is None else self.face.newer_path(path)

    def shown_path(self, path: str) -> str:
        """What this face calls a stored attribute."""
        return path if self.face is None else self.face.older_path(path)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Errors raised inside name attributes as this face does."""
        try:
            yield
        except Invalid as error:
            if self.face is not None:
                error.rename(self.face.older_path)
            raise
        except TrunklineError as error:
            if self.face is not None and error.path is not None:
                error.path = self.face.older_path(error.path)
            raise


_AS_STORED = Face(name="", resource="")


class Alias(msgspec.Struct, frozen=True):
    """A second API that serves the records of a resource: TMF640 the services of TMF638. `info` says what it calls them."""

    resource: Resource[Any]
    info: EntityInfo


def mounts_of(declared: Resource[Any] | Alias) -> tuple[Mount, ...]:
    """The mounts of a resource, the newest generation first. What a resource says of its operations holds for all; where it
    says nothing, each generation offers what its contract names."""
    resource, info, found = (declared.resource if isinstance(declared, Alias) else declared), declared.info, []
    own = None if resource.operations == resource.info.operations else resource.operations
    if 5 in info.generations:
        found.append(_mount(resource, info.api, 5, info, own or info.operations))
    if info.face is not None:
        found.append(_mount(resource, info.api, 4, info.face, own or info.face.operations))
    return tuple(found)


def _mount(
    resource: Resource[Any], api: str, generation: int, said: EntityInfo | Face, operations: tuple[str, ...]
) -> Mount:
    governed = resource.life_cycle.attribute if resource.life_cycle else None
    if governed and isinstance(said, Face):
        governed = said.older_path(governed)
    return Mount(
        resource=resource,
        api=api,
        generation=generation,
        name=said.resource,
        path=f"{api_path(api, generation)}/{said.resource}",
        operations=operations,
        required=said.required,
        patch_forbidden=said.patch_forbidden,
        closed={name: values for name, values in said.closed.items() if name != governed},
        events=said.events,
        face=said if isinstance(said, Face) else None,
    )

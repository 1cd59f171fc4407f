"""Which shapes are written into which module.

A resource is written in its domain, from its own contract. A value type has one definition for all: the union of what
the contracts say (all attributes are optional, so a union harms nobody), generation 5 alone where it knows the type. One
that two modules reach goes to `kernel/tmf/types.py`, and with it all it refers to; any other stays with its only user.
"""

import tomllib
from pathlib import Path

import msgspec

from tools.entities.contract import files, read
from tools.entities.conventions import Conventions
from tools.entities.faces import FaceWalk, own_paths, read_hints
from tools.entities.facts import FaceOf, Resource, resources_of
from tools.entities.shapes import Shapes, Type, merged, plain

SHARED = "kernel.tmf"
Attributes = dict[str, Type]


class Module(msgspec.Struct):
    """What one file holds: shapes and enumerations by name, resources, and the contracts they come from."""

    name: str
    shapes: dict[str, Attributes] = {}
    enums: dict[str, tuple[str, ...]] = {}
    resources: list[Resource] = []
    sources: list[str] = []
    resource_types: set[str] = set()


class _Owner(msgspec.Struct, frozen=True):
    apis: tuple[int, ...] = ()
    generation: int | None = None


class Table(msgspec.Struct, frozen=True):
    """apis.toml."""

    modules: dict[str, _Owner]
    state_attributes: dict[str, str]
    preferred_types: dict[str, list[str]]
    renamed_types: dict[str, str]
    renamed_attributes: dict[str, tuple[str, str]]


def read_table() -> Table:
    """The table beside this module."""
    text = Path(__file__).with_name("apis.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Table)


class Planner:
    """Reads the contracts of the table's APIs and answers with the modules to write."""

    def __init__(self, folder: Path, table: Table) -> None:
        self.table = table
        self._conventions = Conventions(table.renamed_types, table.renamed_attributes)
        present = files(folder)
        self.contracts: dict[str, list[Shapes]] = {}
        for module, owner in table.modules.items():
            if owner.apis:
                chosen = [
                    (number, owner.generation or max(g for n, g in present if n == number)) for number in owner.apis
                ]
                self.contracts[module] = [Shapes(read(present[key])) for key in chosen]
        every = [shapes for many in self.contracts.values() for shapes in many]
        self._newer = [shapes for shapes in every if shapes.contract.generation == 5]
        self._older = [shapes for shapes in every if shapes.contract.generation == 4]
        self._values: dict[str, Attributes] = {}
        self._hints = read_hints()
        self._read: dict[int, Shapes] = {}
        self._four = {number: path for (number, generation), path in present.items() if generation == 4}

    def value(self, name: str) -> Attributes:
        """The one definition of a value type."""
        if name not in self._values:
            self._values[name] = self._define(name)
        return self._values[name]

    def _define(self, name: str) -> Attributes:
        attributes: Attributes = {}
        for shapes in self._newer:
            if name in shapes:
                more = _plain(shapes.resource(name).attributes)
                attributes = merged(attributes, self._preferred(attributes, more))
        if not attributes:
            for shapes in self._older:
                if name in shapes:
                    attributes = merged(attributes, self._conventions.bring(_plain(shapes.resource(name).attributes)))
        return attributes

    def _preferred(self, attributes: Attributes, more: Attributes) -> Attributes:
        """`more`, with its entity types replaced where `attributes` names a preferred one for the same attribute."""
        order = self.table.preferred_types["names"]
        result = dict(more)
        for name in attributes.keys() & more.keys():
            a, b = attributes[name], more[name]
            if a.entity in order and b.entity in order:
                attributes[name] = result[name] = min(a, b, key=lambda kind: order.index(str(kind.entity)))
        return result

    def mandatory(self, entity: str, shapes: Shapes) -> frozenset[str]:
        """The mandatory attributes of a type inside a resource of that contract."""
        name = self._conventions.type_name(plain(entity))
        newer = [known for known in self._newer if name in known]
        if shapes.contract.generation == 5 or not newer:
            return shapes.shape(entity).required
        return frozenset.intersection(*(known.shape(known.form(name, "_FVO")).required for known in newer))

    def _resource(self, name: str, shapes: Shapes) -> Attributes:
        attributes = _plain(shapes.resource(name).attributes)
        if shapes.contract.generation == 5:
            return attributes
        return self._conventions.bring(attributes) | {
            k: v for k, v in self._known_newer(name).items() if k != "externalId"
        }

    def _known_newer(self, name: str) -> Attributes:
        return self.value(name) if any(name in shapes for shapes in self._newer) else {}

    def modules(self) -> list[Module]:
        """All modules, the shared one first."""
        planned = [self._gather(name, contracts) for name, contracts in self.contracts.items()]
        seen: dict[str, int] = {}
        for module in planned:
            own = {resource.name for resource in module.resources}
            for name in module.shapes.keys() - own:
                seen[name] = seen.get(name, 0) + 1
        shared = self._closure({name for name, count in seen.items() if count > 1})
        for module in planned:
            own = {resource.name for resource in module.resources}
            module.shapes = {k: v for k, v in module.shapes.items() if k in own or k not in shared}
        common = Module(SHARED, shapes={name: self.value(name) for name in shared})
        common.sources = [source for module in planned for source in module.sources]
        self._place_enums([common, *planned])
        common.resource_types = {resource.name for module in planned for resource in module.resources}
        for module in planned:
            self._add_faces(module, common)
        return [common, *planned]

    def _closure(self, names: set[str]) -> set[str]:
        todo, closed = list(names), set[str]()
        while todo:
            name = todo.pop()
            if name not in closed:
                closed.add(name)
                todo += [kind.entity for kind in self.value(name).values() if kind.entity]
        return closed

    def _gather(self, name: str, contracts: list[Shapes]) -> Module:
        module = Module(name, sources=[shapes.contract.file for shapes in contracts])
        for shapes in contracts:
            for resource in resources_of(shapes, self._conventions, self.mandatory, self.table.state_attributes):
                module.resources.append(resource)
                module.shapes[resource.name] = self._resource(resource.name, shapes)
            if shapes.contract.generation == 5 and not self.table.modules[name].generation:
                self._add_older_only(module, shapes.contract.number)
        todo = [kind.entity for attributes in module.shapes.values() for kind in attributes.values() if kind.entity]
        while todo:
            entity = todo.pop()
            if entity not in module.shapes:
                module.shapes[entity] = self.value(entity)
                todo += [kind.entity for kind in module.shapes[entity].values() if kind.entity]
        return module

    def _older_contract(self, number: int) -> Shapes | None:
        """The generation 4 contract of an API, if there is one."""
        if number not in self._four:
            return None
        if number not in self._read:
            self._read[number] = Shapes(read(self._four[number]))
        return self._read[number]

    def _add_older_only(self, module: Module, number: int) -> None:
        """Records that generation 5 of an API has given up."""
        older = self._older_contract(number)
        if older is None:
            return
        known = {resource.resource for resource in module.resources if resource.api == number}
        for resource in resources_of(older, self._conventions, self.mandatory, self.table.state_attributes):
            if self._hints.resources.get(resource.resource, resource.resource) not in known:
                module.resources.append(resource)
                module.shapes[resource.name] = self._resource(resource.name, older)

    def _add_faces(self, module: Module, common: Module) -> None:
        """To each resource the generations that it is served in, and its generation 4 form."""
        faces: dict[tuple[int, str], FaceOf] = {}
        newer = {
            (shapes.contract.number, path.strip("/").split("/")[-2 if path.endswith("}") else -1])
            for shapes in self.contracts[module.name]
            if shapes.contract.generation == 5
            for path in shapes.contract.paths
        }
        for number in dict.fromkeys(resource.api for resource in module.resources):
            older = self._older_contract(number)
            if older is not None:
                faces |= self._faces(module, common, older)
        module.resources = [
            msgspec.structs.replace(
                resource,
                face=faces.get((resource.api, resource.resource)),
                generations=tuple(
                    generation
                    for generation, there in (
                        (4, (resource.api, resource.resource) in faces),
                        (5, (resource.api, resource.resource) in newer),
                    )
                    if there
                ),
            )
            for resource in module.resources
        ]

    def _faces(self, module: Module, common: Module, older: Shapes) -> dict[tuple[int, str], FaceOf]:
        walk = FaceWalk(older, lambda name: module.shapes.get(name) or common.shapes.get(name) or {}, self._hints)
        known = {resource.resource for resource in module.resources if resource.api == older.contract.number}
        plainly = Conventions({}, {})
        found = [
            (self._hints.resources.get(resource.resource, resource.resource), resource)
            for resource in resources_of(older, plainly, _required_of, self.table.state_attributes)
        ]
        for stored, resource in found:
            if stored in known:
                walk.resource(resource.name, stored[0].upper() + stored[1:])
        shapes = walk.result()
        return {
            (older.contract.number, stored): FaceOf(
                resource,
                shapes,
                tuple(own_paths(older, resource.name, stored[0].upper() + stored[1:], walk.ours, shapes)),
            )
            for stored, resource in found
            if stored in known
        }

    def _place_enums(self, modules: list[Module]) -> None:
        """State enumerations go where their shapes go; one that two modules need goes to the shared one."""
        found: dict[str, tuple[set[str], tuple[str, ...]]] = {}
        for module in modules:
            for shape, attributes in module.shapes.items():
                for attribute in attributes:
                    for name, states in self._enumerations(module, shape, attribute):
                        where, known = found.get(name, (set(), ()))
                        found[name] = (where | {module.name}, tuple(dict.fromkeys((*known, *states))))
        by_name = {module.name: module for module in modules}
        for name, (where, states) in found.items():
            by_name[where.pop() if len(where) == 1 else SHARED].enums[name] = states

    def _enumerations(self, module: Module, shape: str, attribute: str) -> list[tuple[str, tuple[str, ...]]]:
        if not attribute.lower().endswith(("state", "status")):
            return []
        sources = self.contracts.get(module.name) or (self._newer + self._older)
        found = [shapes.states(shape, attribute) for shapes in sources if shape in shapes]
        return [(name, states) for name, states in found if name and states]


def _required_of(entity: str, shapes: Shapes) -> frozenset[str]:
    return shapes.shape(entity).required if entity in shapes else frozenset()


def _plain(attributes: Attributes) -> Attributes:
    return {
        name: Type(kind.kind, kind.many, plain(kind.entity)) if kind.entity else kind
        for name, kind in attributes.items()
    }

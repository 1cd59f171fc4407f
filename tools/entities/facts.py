"""What else a contract says of its resources: paths, operations, events, mandatory attributes, states."""

from collections.abc import Callable, Iterator

import msgspec

from tools.entities.conventions import Conventions
from tools.entities.faces import FaceShape
from tools.entities.shapes import Shapes

_STATE_ATTRIBUTES = ("state", "status", "lifecycleStatus")
_OPERATIONS = {
    ("post", False): "create",
    ("get", False): "list",
    ("get", True): "retrieve",
    ("patch", True): "patch",
    ("put", True): "replace",
    ("delete", True): "delete",
}
# What the server gives, though contracts ask clients for some of it; `@referredType` generation 5 does not ask for.
_SERVER_SET = frozenset({"@type", "@referredType", "href", "lastUpdate"})

Mandatory = Callable[[str, Shapes], frozenset[str]]


class Resource(msgspec.Struct, frozen=True):
    """A resource as its contract declares it; becomes an EntityInfo."""

    name: str
    resource: str
    parent: str | None
    api: int
    required: tuple[str, ...]
    state_attribute: str | None
    states: tuple[str, ...]
    events: tuple[str, ...]
    operations: tuple[str, ...]
    patch_forbidden: tuple[str, ...]
    closed: dict[str, tuple[str, ...]] = {}
    subtypes: tuple[str, ...] = ()
    generations: tuple[int, ...] = ()
    face: "FaceOf | None" = None


class FaceOf(msgspec.Struct, frozen=True):
    """The resource as generation 4 has it; `shapes` are those of its API."""

    resource: Resource
    shapes: dict[str, FaceShape]
    own: tuple[str, ...] = ()


def resources_of(
    shapes: Shapes, conventions: Conventions, mandatory: Mandatory, state_attributes: dict[str, str]
) -> list[Resource]:
    """The resources of a contract, by name.

    mandatory         tells the mandatory attributes of a type inside a resource
    state_attributes  by resource, where the usual names would pick another
    """
    operations: dict[tuple[str | None, str], set[str]] = {}
    for path, verbs in shapes.contract.paths.items():
        parts = path.strip("/").split("/")
        if parts[0] in ("hub", "listener"):
            continue
        one = parts[-1].startswith("{")
        names = [part for part in parts if not part.startswith("{")]
        key = (names[-2] if len(names) > 1 else None, names[-1])
        found = operations.setdefault(key, set())
        found |= {_OPERATIONS[verb, one] for verb in verbs if (verb, one) in _OPERATIONS}
    resources = sorted(name for _, name in operations)
    events = _events(shapes, resources)
    found_resources = []
    for (parent, resource), verbs in sorted(operations.items(), key=lambda item: item[0][1]):
        name = resource[0].upper() + resource[1:]
        attributes = shapes.resource(name).attributes
        usual = (attribute for attribute in _STATE_ATTRIBUTES if attribute in attributes)
        state = state_attributes.get(name) or next(usual, None)
        found_resources.append(
            Resource(
                name=name,
                resource=resource,
                parent=parent,
                api=shapes.contract.number,
                required=tuple(_required(shapes, name, mandatory)),
                state_attribute=state,
                states=shapes.states(name, state)[1] if state else (),
                events=tuple(events[resource]),
                operations=tuple(verb for verb in _OPERATIONS.values() if verb in verbs),
                patch_forbidden=_patch_forbidden(shapes, name, conventions) if "patch" in verbs else (),
                closed=_closed(shapes, name),
                subtypes=shapes.subtypes(name),
            )
        )
    return found_resources


def _closed(shapes: Shapes, name: str) -> dict[str, tuple[str, ...]]:
    """The attributes of the create form with an enumeration, beside `@type`."""
    form = shapes.form(name, "_FVO", "_Create")
    found = {
        attribute: shapes.states(form, attribute)[1]
        for attribute, kind in sorted(shapes.shape(form).attributes.items())
        if kind.kind == "string" and not kind.many and not attribute.startswith("@")
    }
    return {attribute: values for attribute, values in found.items() if values}


def _events(shapes: Shapes, resources: list[str]) -> dict[str, list[str]]:
    """Each listener path belongs to the resource with the longest name that it begins with."""
    found: dict[str, list[str]] = {resource: [] for resource in resources}
    for path in shapes.contract.paths:
        if path.startswith("/listener/"):
            event = path.rpartition("/")[2]
            owners = [r for r in resources if event.lower().startswith(r.lower())]
            if owners:
                found[max(owners, key=len)].append(event[0].upper() + event[1:])
    return {resource: sorted(events) for resource, events in found.items()}


def _required(shapes: Shapes, name: str, mandatory: Mandatory) -> Iterator[str]:
    """Mandatory attributes of the create form; those one level down dotted, to be asked for where the parent is there."""
    form = shapes.shape(shapes.form(name, "_FVO", "_Create"))
    yield from sorted(form.required - _SERVER_SET - {"id"})
    for attribute, kind in sorted(form.attributes.items()):
        if kind.entity:
            yield from (f"{attribute}.{inner}" for inner in sorted(mandatory(kind.entity, shapes) - _SERVER_SET))


def _patch_forbidden(shapes: Shapes, name: str, conventions: Conventions) -> tuple[str, ...]:
    form = shapes.form(name, "_MVO", "_Update")
    attributes = shapes.shape(name).attributes
    fixed = set(attributes) - set(shapes.shape(form).attributes)
    if shapes.contract.generation == 4:
        fixed = {conventions.attribute(attribute, attributes[attribute])[0] for attribute in fixed}
    return tuple(sorted(attribute for attribute in fixed | {"id", "href"} if not attribute.startswith("@")))

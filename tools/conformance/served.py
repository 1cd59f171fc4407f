"""The subjects of an installation: what its server offers, joined with the contracts and the domains' own declarations."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tools.conformance.contract import Contract, Operation, read
from tools.conformance.subject import Reference, States, Subject
from tools.entities.contract import files
from trunkline.app import wiring
from trunkline.kernel.tmf.catalogue import ServedApi, served_apis
from trunkline.kernel.tmf.mount import Mount

_METHODS = {"create": "post", "list": "get", "retrieve": "get", "patch": "patch", "replace": "put", "delete": "delete"}
_PLACEHOLDER = re.compile(r"\{[^}]*\}")
Offered = Mapping[str, frozenset[str]]


class Api(msgspec.Struct, frozen=True):
    """One API in one generation as it is served. `hub` holds the kinds of operation that its hub offers."""

    title: str
    root: str
    contract: Contract
    subjects: tuple[Subject, ...]
    hub: frozenset[str]


def served(contracts: Path, document: Mapping[str, Any], wanted: Sequence[str] = ()) -> list[Api]:
    """The APIs that have a contract, in order of their numbers.

    document  the server's own OpenAPI document, which says what is offered
    wanted    codes ("TMF620", "TMF620v4") of those to take, all when empty
    """
    offered = {_PLACEHOLDER.sub("{}", path): frozenset(verbs) for path, verbs in document["paths"].items()}
    found, published = [], files(contracts)
    for api in served_apis(wiring.declared()):
        code, path = api.api.code, published.get((api.api.number, api.generation))
        if path is None or (wanted and not {code, f"{code}v{api.generation}"} & {*wanted}):
            continue
        found.append(_api(api, read(path), offered))
    return found


def _api(api: ServedApi, contract: Contract, offered: Offered) -> Api:
    mounts = {mount.name: mount for mount in api.mounts}
    subjects = [_subject(api.path, contract, name, mounts.get(name), offered) for name in contract.resources]
    hub = frozenset(kind for kind, operation in contract.hub.items() if _is_offered(api.path, operation, offered))
    return Api(api.title, api.path, contract, tuple(subjects), hub)


def _is_offered(root: str, operation: Operation, offered: Offered) -> bool:
    return _METHODS[operation.kind] in offered.get(_PLACEHOLDER.sub("{}", root + operation.path), frozenset())


def _subject(root: str, contract: Contract, name: str, mount: Mount | None, offered: Offered) -> Subject:
    operations = contract.of(name)
    path = next(iter(operations.values())).path
    collection = path if not path.endswith("}") else path.rpartition("/")[0]
    parents = [part for part in collection.strip("/").split("/") if not part.startswith("{")][:-1]
    subject = Subject(
        contract=contract,
        name=name,
        stored=name,
        root=root,
        collection=collection,
        parent=parents[-1] if parents else None,
        offered=frozenset(kind for kind, operation in operations.items() if _is_offered(root, operation, offered)),
    )
    if mount is None:
        return subject
    resource, cycle = mount.resource, mount.resource.life_cycle
    return msgspec.structs.replace(
        subject,
        stored=resource.name,
        references=tuple(
            Reference(mount.shown_path(reference.path), tuple(target.name for target in reference.to))
            for reference in resource.references
        ),
        states=None
        if cycle is None
        else States(
            mount.shown_path(cycle.attribute),
            cycle.initial,
            {state: tuple(sorted(cycle.moves.get(state, ()))) for state in sorted(cycle.states)},
        ),
        unavailable=resource.unavailable,
    )

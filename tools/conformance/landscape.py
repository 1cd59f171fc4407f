"""The records that others refer to: made when they are first asked for, through the API, and kept for the whole run."""

import threading
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tools.conformance.client import Http
from tools.conformance.outcome import NotApplicable
from tools.conformance.sample import Sampler
from tools.conformance.subject import Subject

SEEDS = Path(__file__).with_name("seeds.toml")
Document = dict[str, Any]


class Seed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a domain asks of a resource beyond its contract.

    resource    stored name; `apis` ("TMF620", "TMF620v4") limits it to these faces
    set         merged into every document made (RFC 7396); "@none" removes, "@id:category" stands for a record's id,
                "@new:category" for that of one made for each document
    server_set  attributes that the server decides, whatever is sent
    why         the rule of the domain
    """

    resource: str
    why: str
    apis: tuple[str, ...] = ()
    set: dict[str, Any] = {}
    server_set: tuple[str, ...] = ()

    def meant_for(self, subject: Subject) -> bool:
        """Whether it is about this face."""
        return self.resource == subject.stored and (
            not self.apis or bool({subject.api, f"{subject.api}v{subject.generation}"} & {*self.apis})
        )


def read_seeds(path: Path = SEEDS) -> tuple[Seed, ...]:
    """The table of seeds."""
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")).get("seed", []), tuple[Seed, ...])


class Landscape:
    """Makes valid documents and the records they need."""

    def __init__(
        self, http: Http, headers: Mapping[str, str], subjects: Iterable[Subject], seeds: Iterable[Seed] = ()
    ) -> None:
        self.http, self.headers, self._seeds = http, dict(headers), tuple(seeds)
        self._subjects: dict[str, Subject] = {}
        for subject in subjects:
            if "create" in subject.offered and subject.stored not in self._subjects:
                self._subjects[subject.stored] = subject
        self._made: dict[str, Document] = {}
        self._lock = threading.RLock()

    def seeds(self, subject: Subject) -> tuple[Seed, ...]:
        """The seeds of a subject."""
        return tuple(seed for seed in self._seeds if seed.meant_for(subject))

    def document(self, subject: Subject, *, full: bool = False) -> Document:
        """A valid document for a create."""
        made = Sampler(subject.contract.schemas).document(
            subject.contract.of(subject.name)["create"].request, full=full
        )
        made.pop("id", None)
        made.pop("href", None)
        if subject.states is not None:
            made.pop(subject.states.attribute, None)
            if subject.states.attribute in subject.contract.schemas.required(
                subject.contract.of(subject.name)["create"].request
            ):
                made[subject.states.attribute] = subject.states.initial
        wishes = [self._filled(seed.set) for seed in self.seeds(subject)]
        said = {name for wish in wishes for name in wish}
        for reference in subject.references:
            if reference.path.partition(".")[0].removesuffix("[*]") not in said:
                for item in _objects(made, reference.path.replace("[*]", "").split(".")):
                    self._refer(item, reference.to)
        for wish in wishes:
            made = merged(made, wish)
        return made

    def record(self, stored: str) -> Document:
        """A record of the resource, the same at every call. Raises NotApplicable when none can be made."""
        with self._lock:
            if stored not in self._made:
                self._made[stored] = self._create(stored)
            return self._made[stored]

    def path(self, subject: Subject) -> str:
        """The path of the subject's collection, below a record of its parent where it has one."""
        if subject.parent is None:
            return subject.root + subject.collection
        parent = self.record(subject.parent)["id"]
        return subject.root + "/".join(
            parent if part.startswith("{") else part for part in subject.collection.split("/")
        )

    def _create(self, stored: str) -> Document:
        subject = self._subjects.get(stored)
        if subject is None:
            raise NotApplicable(f"no {stored} can be made here")
        body = msgspec.json.encode(self.document(subject))
        headers = {**self.headers, "Content-Type": "application/json"}
        answer = self.http.send("POST", self.path(subject), headers, body)
        if answer.status != 201:
            raise NotApplicable(
                f"no {stored} could be made: {answer.status} {answer.body[:300].decode(errors='replace')}"
            )
        made: Document = answer.json()
        return made

    def _refer(self, item: Document, to: tuple[str, ...]) -> None:
        known = next((name for name in to if name in self._subjects), to[0])
        target = self.record(known)
        item["id"] = target["id"]
        if "href" in item:
            item["href"] = target["href"]
        if "@referredType" in item:
            item["@referredType"] = target.get("@type", known)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._filled(inner) for inner in value]
        if value == "@none":
            return None
        if isinstance(value, str) and value.startswith("@id:"):
            return self.record(value.removeprefix("@id:"))["id"]
        if isinstance(value, str) and value.startswith("@new:"):
            return self._create(value.removeprefix("@new:"))["id"]
        return value


def merged(target: Any, patch: Any) -> Any:
    """A merge patch applied (RFC 7396), as a client would reckon with it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def _objects(value: Any, steps: list[str]) -> Iterable[Document]:
    if isinstance(value, list):
        return [found for item in value for found in _objects(item, steps)]
    if not isinstance(value, dict):
        return []
    if not steps:
        return [value]
    return _objects(value[steps[0]], steps[1:]) if steps[0] in value else []

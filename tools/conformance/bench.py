"""The bench a subject stands on while rules try it: requests, answers judged by the contract, records to try on."""

import itertools
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from tools.conformance.client import Answer
from tools.conformance.compare import lost
from tools.conformance.contract import Operation
from tools.conformance.landscape import Document, Landscape, merged
from tools.conformance.outcome import NotApplicable, NotOffered, Violation, must
from tools.conformance.subject import Subject

_USUAL_TEXTS = ("name", "description", "title", "label", "category", "externalId", "comment")
Query = Mapping[str, Any] | str


class Bench:
    """One subject being tried. `token` makes its values its own."""

    def __init__(self, subject: Subject, landscape: Landscape, token: str) -> None:
        self.subject, self.landscape, self.token = subject, landscape, token
        self.contract, self.schemas = subject.contract, subject.contract.schemas
        self.operations = subject.contract.of(subject.name)
        self.seeds = landscape.seeds(subject)
        self._numbers = itertools.count(1)

    # requests ---------------------------------------------------------------------------------------------------

    @cached_property
    def path(self) -> str:
        """The collection's path."""
        return self.landscape.path(self.subject)

    def one(self, id_: str) -> str:
        """A record's path."""
        return f"{self.path}/{quote(id_, safe='')}"

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query = "",
        body: Any = None,
        media: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request. `body` is bytes as they are, or anything to be made JSON."""
        text = query if isinstance(query, str) else urlencode(query, doseq=True)
        sent = {**self.landscape.headers, **(headers or {})}
        content = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        if content is not None:
            sent["Content-Type"] = media
        sent = {name: value for name, value in sent.items() if value}
        return self.landscape.http.send(method, f"{path}?{text}" if text else path, sent, content)

    def fits_request(self, sent: Document) -> None:
        """Raise Violation unless a document that is to be sent fits the create form; `id` and `href`, which some contracts
        ask for although the server gives them, need not be there."""
        self.fits({"id": "1", "href": "/1"} | sent, self.operations["create"].request)

    # judging ----------------------------------------------------------------------------------------------------

    def needs(self, kind: str) -> Operation:
        """The operation, which the contract must have (else NotApplicable) and the server offer (else NotOffered)."""
        if kind not in self.operations:
            raise NotApplicable(f"the contract has no {kind}")
        if kind not in self.subject.offered:
            raise NotOffered(f"the server does not offer {kind} of {self.subject.collection}")
        return self.operations[kind]

    def accepted(self, answer: Answer, kind: str, *statuses: int) -> Any:
        """The JSON of a successful answer, which must fit the contract's schema of that operation."""
        if answer.status not in statuses:
            raise Violation(f"{kind} answered {told(answer)}; expected {' or '.join(map(str, statuses))}")
        media = answer.headers.get("content-type", "")
        must(media.startswith("application/json"), f"the Content-Type is {media or 'missing'}")
        content = _json(answer)
        schema = self.operations[kind].answers.get("201" if kind == "create" else "200")
        if schema is not None:
            self.fits(content, schema)
        return content

    def fits(self, content: Any, schema: Any) -> None:
        """Raise Violation unless the content fits the schema."""
        problems = self.schemas.problems(schema, content)
        must(not problems, f"the answer violates its schema: {'; '.join(problems)}")

    def refused(self, answer: Answer, *statuses: int) -> Document:
        """The error body of a refusal, which must be as TMF630 and the contract have it."""
        if answer.status not in statuses:
            raise Violation(f"answered {told(answer)}; expected {' or '.join(map(str, statuses))}")
        return error_body(answer, self.contract.generation, self.error_problems)

    def error_problems(self, body: Any) -> list[str]:
        """How an error body violates the contract's schema of errors."""
        return self.schemas.problems({"$ref": "#/definitions/Error"}, body) if "Error" in self.schemas.named else []

    # documents and records --------------------------------------------------------------------------------------

    def document(self, changes: Document | None = None, *, full: bool = False) -> Document:
        """A valid document of its own for a create: its free text differs from that of every other."""
        self.needs("create")
        if self.subject.unavailable:
            raise NotApplicable("there is no record: create is not offered")
        made = self.landscape.document(self.subject, full=full)
        if self.text is not None:
            made[self.text] = f"{self.token} {next(self._numbers)}"
        return merged(made, changes) if changes else made

    def create(self, document: Document | None = None) -> Document:
        """Make a record to try something on. Raises NotApplicable when it is refused: the rule on create tells of that."""
        answer = self.send("POST", self.path, body=self.document() if document is None else document)
        if answer.status not in (201, 202):
            raise NotApplicable(f"there is no record: create answered {answer.status}")
        made: Document = _json(answer)
        return made

    @cached_property
    def record(self) -> Document:
        """A record that rules which change nothing share: made here, or the first that is there."""
        try:
            return self.create()
        except (NotApplicable, NotOffered):
            self.needs("list")
            found = _json(self.send("GET", self.path, query={"limit": 1}))
            if not isinstance(found, list) or not found:
                raise NotApplicable("there is no record, and none can be made here") from None
            there: Document = found[0]
            return there

    @cached_property
    def trio(self) -> tuple[Document, Document, Document]:
        """Three records that differ in their free text, in order of it."""
        one, two, three = (self.create() for _ in range(3))
        return one, two, three

    def only(self, *records: Document) -> str:
        """A condition that lists only these records."""
        return f"id={','.join(quote(record['id'], safe='') for record in records)}"

    def listed(self, query: Query, *statuses: int) -> list[Document]:
        """The records of a list, which must fit the contract."""
        found: list[Document] = self.accepted(
            self.send("GET", self.path, query=query), "list", *(statuses or (200, 206))
        )
        must(isinstance(found, list), "a list is no array")
        return found

    def ids(self, query: Query) -> list[str]:
        """The ids of the records of a list."""
        return [document["id"] for document in self.listed(query)]

    def lost(self, sent: Document, got: Document) -> list[str]:
        """What was sent and did not come back, but for what the server decides."""
        decided = {name for seed in self.seeds for name in seed.server_set}
        return lost({name: value for name, value in sent.items() if name not in decided}, got)

    # attributes to try on ---------------------------------------------------------------------------------------

    @cached_property
    def text(self) -> str | None:
        """A first-level attribute of free text that a client may set and change, if there is one."""
        free = self._attributes("string", None)
        return next((name for name in _USUAL_TEXTS if name in free), next(iter(free), None))

    @cached_property
    def instant(self) -> str | None:
        """A first-level attribute that holds an instant."""
        return next(iter(self._attributes("string", "date-time")), None)

    def _attributes(self, kind: str, format_: str | None) -> list[str]:
        """First-level attributes of that type that create and patch both take and the server leaves as they are."""
        if "create" not in self.operations:
            return []
        forms = [self.operations[kind].request for kind in ("create", "patch") if kind in self.operations]
        taken = {name for seed in self.seeds for name in (*seed.set, *seed.server_set)}
        taken |= {reference.path.partition(".")[0] for reference in self.subject.references}
        if self.subject.states is not None:
            taken.add(self.subject.states.attribute)
        found = []
        for name, node in self.schemas.properties(forms[0]).items():
            schema = self.schemas.resolve(node)
            fits = schema.get("type") == kind and schema.get("format") == format_
            if (
                not fits
                or {"enum", "pattern"} & schema.keys()
                or name in taken
                or name in ("id", "href")
                or "@" in name
            ):
                continue
            if all(name in self.schemas.properties(form) for form in forms[1:]):
                found.append(name)
        return found

    def need_text(self) -> str:
        """The free text attribute. Raises NotApplicable without one."""
        if self.text is None:
            raise NotApplicable("it has no free text attribute that can be changed")
        return self.text


def told(answer: Answer) -> str:
    """An answer in a few words."""
    return f"{answer.status} {answer.body[:300].decode(errors='replace')}"


def error_body(answer: Answer, generation: int, problems_of: Any) -> Document:
    """The body of an error. Raises Violation where it is not as TMF630 and the contract have it."""
    body = _json(answer)
    must(isinstance(body, dict), "an error is no object")
    for name in ("code", "reason"):
        must(isinstance(body.get(name), str) and body[name], f"the error has no {name}: {body}")
    must(body.get("status", str(answer.status)) == str(answer.status), f"the error's status is {body.get('status')!r}")
    must(generation < 5 or body.get("@type") == "Error", f"the error's @type is {body.get('@type')!r}")
    problems = problems_of(body)
    must(not problems, f"the error violates its schema: {'; '.join(problems)}")
    found: Document = body
    return found


def _json(answer: Answer) -> Any:
    try:
        return answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Violation(f"the body is not JSON: {told(answer)}") from error

"""Rules on an API's hub: subscribing, delivery to a real listener with a retry, unsubscribing."""

import http.server
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from tools.conformance.bench import Bench, error_body, told
from tools.conformance.client import Answer
from tools.conformance.landscape import Landscape
from tools.conformance.outcome import NotApplicable, NotOffered, Outcome, Verdict, Violation, must
from tools.conformance.served import Api

WAIT_S = 45
HubRule = Callable[["HubBench"], None]


class Listener:
    """Takes notifications on this machine. The first that holds a text it was told to refuse is answered 500."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._got: list[tuple[str, dict[str, str], Any]] = []
        self._refused: set[tuple[str, str]] = set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer._take(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def refuse_once(self, path: str, text: str) -> None:
        """Refuse the next notification to that path that holds the text."""
        with self._lock:
            self._refused.add((path, text))

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self._lock:
            self._got.append((path, headers, json.loads(body)))
            self._lock.notify_all()
            wrong = {(to, text) for to, text in self._refused if to == path and text.encode() in body}
            self._refused -= wrong
        return 500 if wrong else 201

    def wait(
        self, path: str, wanted: Callable[[list[tuple[dict[str, str], Any]]], bool]
    ) -> list[tuple[dict[str, str], Any]]:
        """What came to a path, once it is as wanted; what there is after `WAIT_S` otherwise."""
        deadline = time.monotonic() + WAIT_S
        with self._lock:
            while True:
                found = [(headers, body) for at, headers, body in self._got if at == path]
                if wanted(found) or not self._lock.wait(max(0.0, deadline - time.monotonic())):
                    return found

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class HubBench:
    """One API's hub, and a resource of it whose creation is notified."""

    def __init__(self, api: Api, landscape: Landscape, listener: Listener, token: str) -> None:
        self.api, self.contract, self.landscape, self.listener, self.token = (
            api,
            api.contract,
            landscape,
            listener,
            token,
        )
        self.path = f"{api.root}/hub"

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request with the run's credentials."""
        content = None if body is None else json.dumps(body).encode()
        headers = {**self.landscape.headers, **({} if body is None else {"Content-Type": "application/json"})}
        return self.landscape.http.send(method, path, headers, content)

    def needs(self, kind: str) -> None:
        """Raise NotApplicable or NotOffered for an operation that is not there."""
        if kind not in self.contract.hub:
            raise NotApplicable(f"the contract has no {kind} of hub")
        if kind not in self.api.hub:
            raise NotOffered(f"the server does not offer {kind} of hub")

    def subscribe(self, callback: str, query: str = "") -> Any:
        """Subscribe; the answer must fit the contract."""
        self.needs("create")
        wish = {"callback": callback, "query": query} | ({"@type": "Hub"} if self.contract.generation > 4 else {})
        answer = self.send("POST", self.path, wish)
        must(answer.status == 201, f"subscribing answered {told(answer)}")
        made = answer.json()
        schema = self.contract.hub["create"].answers.get("201")
        problems = [] if schema is None else self.contract.schemas.problems(schema, made)
        must(not problems, f"the answer violates its schema: {'; '.join(problems)}")
        must(made.get("id") and made.get("callback") == callback, f"the answer has no id or another callback: {made}")
        place = f"{self.path}/{made['id']}"
        must(answer.headers.get("location") == place, f"Location is {answer.headers.get('location')}")
        return made

    def unsubscribe(self, id_: str) -> None:
        """Unsubscribe: 204, and then 404."""
        place = f"{self.path}/{id_}"
        answer = self.send("DELETE", place)
        must(answer.status == 204, f"unsubscribing answered {told(answer)}")
        gone = self.send("DELETE", place)
        must(gone.status == 404, f"unsubscribing again answered {told(gone)}")

    def notified(self) -> Bench:
        """A resource that can be created here and whose creation the contract notifies."""
        for subject in self.api.subjects:
            event = f"{subject.name[0].upper()}{subject.name[1:]}CreateEvent"
            if "create" in subject.offered and not subject.unavailable and event in self.contract.events:
                return Bench(subject, self.landscape, self.token)
        raise NotApplicable("no resource that can be created here has a creation event in the contract")


def hub(bench: HubBench) -> None:
    """201 with `Location`, `id` and `callback`; 204 to end it, then 404."""
    bench.needs("delete")
    bench.unsubscribe(bench.subscribe(f"{bench.listener.url}/conformance")["id"])


def hub_refused(bench: HubBench) -> None:
    """400 without a callback, for one that is no http address, and for a query that is none."""
    bench.needs("create")
    for wish in ({}, {"callback": "ftp://www.example.org/x"}, {"callback": f"{bench.listener.url}/x", "query": "=="}):
        answer = bench.send("POST", bench.path, {"@type": "Hub", **wish})
        must(answer.status == 400, f"{wish} answered {told(answer)}")
        error_body(answer, bench.contract.generation, lambda _: [])


def hub_delivery(bench: HubBench) -> None:
    """A creation is notified as the contract has it, signed, and again after a 500 under the same `eventId`; nothing else
    is told."""
    resource = bench.notified()
    name = f"{resource.subject.name[0].upper()}{resource.subject.name[1:]}CreateEvent"
    place = f"/{bench.api.contract.api}v{bench.contract.generation}"
    made = bench.subscribe(bench.listener.url + place, f"eventType={name}")
    try:
        wanted = 1
        if resource.text is not None:
            bench.listener.refuse_once(place, bench.token)
            wanted = 2
        record = resource.create()
        if "patch" in resource.subject.offered and resource.text is not None:
            resource.send("PATCH", resource.one(record["id"]), body={resource.text: f"{bench.token} changed"})

        def about(found: list[tuple[dict[str, str], Any]]) -> list[tuple[dict[str, str], Any]]:
            return [
                one for one in found if one[1].get("event", {}).get(resource.subject.name, {}).get("id") == record["id"]
            ]

        found = about(bench.listener.wait(place, lambda found: len(about(found)) >= wanted))
        must(len(found) == wanted, f"it was notified {len(found)} times in {WAIT_S} s instead of {wanted}")
        (headers, first), (_, again) = found[0], found[-1]
        must(first["eventId"] == again["eventId"], "the repetition has another eventId")
        must(headers.get("x-hub-signature-256", "").startswith("sha256="), "the notification is not signed")
        must({body["eventType"] for _, body in found} == {name}, f"other types came too: {found}")
        problems = bench.contract.schemas.problems(bench.contract.events[name], first)
        must(not problems, f"the notification violates its schema: {'; '.join(problems)}")
    finally:
        bench.unsubscribe(made["id"])


RULES: tuple[HubRule, ...] = (hub, hub_refused, hub_delivery)


def tried(rule: HubRule, bench: HubBench) -> Outcome:
    """The rule tried on an API's hub."""
    verdict: Verdict = "passed"
    detail = ""
    try:
        rule(bench)
    except NotOffered as error:
        verdict, detail = "notOffered", str(error)
    except NotApplicable as error:
        verdict, detail = "notApplicable", str(error)
    except (Violation, KeyError, TypeError, ValueError) as error:
        verdict, detail = "failed", str(error)
    return Outcome(
        api=bench.contract.api,
        generation=bench.contract.generation,
        resource="hub",
        rule=rule.__name__.replace("_", "-"),
        verdict=verdict,
        detail=detail[:1000],
    )

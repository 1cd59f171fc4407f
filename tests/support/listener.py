"""A subscriber of the TMF hub that keeps what it is told: the events of an installation, as the public API tells them."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from trunkline.app.stories.client import ApiClient


class Listener:
    """Listens to the hubs of the given APIs. Close it at the end."""

    def __init__(self, api: ApiClient, roots: tuple[str, ...]) -> None:
        self._events: dict[str, dict[str, Any]] = {}
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                listener._events.setdefault(body["eventId"], body)  # told twice is told once
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        for n, root in enumerate(roots):
            api.post(f"{root}/hub", {"callback": f"http://127.0.0.1:{self._server.server_port}/{n}"})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def of(self, id_: str) -> list[tuple[str, str | None]]:
        """(event type, state in it) of what was told about one resource, in the order it was told."""
        found = []
        for body in list(self._events.values()):
            for document in body["event"].values():
                if isinstance(document, dict) and document.get("id") == id_:
                    state = document.get("state") or document.get("status") or document.get("allocationStatus")
                    found.append((body["eventType"], state))
        return found

    def until(self, id_: str, expected: list[tuple[str, str | None]], limit_s: int = 60) -> None:
        """Wait until as much was told about the resource as is expected, then it must be just that."""
        deadline = time.monotonic() + limit_s
        while len(self.of(id_)) < len(expected) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.of(id_) == expected

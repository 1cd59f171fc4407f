"""A stand-in for the platform: just enough HTTP for FreeRADIUS. For recording and for the laboratory's tests only."""

import base64
import binascii
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from trunkline_lab.enter import open_socket
from trunkline_lab.errors import LabError
from trunkline_lab.home import Home

_TOO_LATE_SECONDS = 3.5  # FreeRADIUS waits three


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A user the stand-in lets in."""

    password: str
    address: str
    plan: str = "BB20"


@dataclass(frozen=True, slots=True)
class Arrival:
    """An accounting request as it came over HTTP."""

    arrived: datetime
    body: dict[str, dict[str, Any]]
    status: int  # the HTTP status it was answered with

    def get(self, attribute: str) -> Any:
        """The first value of a RADIUS attribute, or None."""
        return self.body.get(attribute, {}).get("value", [None])[0]


class StandIn:
    """Serves /radius/authorize and /radius/accounting at an address inside the NOC, from this process."""

    def __init__(self, *, home: Home | None = None, port: int = 8088, prefix: str = "") -> None:
        self.subscribers: dict[str, Subscriber] = {}
        self.credentials: tuple[str, str] | None = None  # what HTTP basic authentication must show
        self.refuse: Callable[[dict[str, dict[str, Any]]], bool] = lambda _body: False  # True: answer 503
        self.late: Callable[[dict[str, dict[str, Any]]], bool] = lambda _body: False  # True: answer in vain
        self.arrivals: list[Arrival] = []
        self.authorizations: list[dict[str, dict[str, Any]]] = []
        self.unauthenticated = 0
        self.connections: set[socket.socket] = set()
        self._prefix = prefix
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self), bind_and_activate=False)
        self._server.socket.close()
        self._server.daemon_threads = True
        self._server.socket = open_socket(home=home)
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._server.socket.bind(("127.0.0.1", port))
        self._server.socket.listen(16)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving, and end the connections FreeRADIUS keeps open."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def of(self, user: str, *statuses: str) -> list[Arrival]:
        """A user's accounting requests so far, in order of arrival; with `statuses`, of these types only."""
        with self._lock:
            arrivals = list(self.arrivals)
        mine = [arrival for arrival in arrivals if arrival.get("User-Name") == user]
        return [arrival for arrival in mine if not statuses or arrival.get("Acct-Status-Type") in statuses]

    def wait_for(self, what: str, found: Callable[[], Any], timeout: float = 20) -> Any:
        """Wait until `found` gives something, and give it. Raises LabError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not (result := found()):
            if time.monotonic() > deadline:
                raise LabError(f"No {what} within {timeout:g} s.")
            time.sleep(0.05)
        return result

    def answer(self, path: str, authorization: str | None, body: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        """The status and JSON the platform would answer with."""
        if self.credentials and not _shows(authorization, self.credentials):
            self.unauthenticated += 1
            return 401, {}
        if path == f"{self._prefix}/radius/authorize":
            return self._authorize(body)
        if path == f"{self._prefix}/radius/accounting":
            status = 503 if self.refuse(body) else 204
            with self._lock:
                self.arrivals.append(Arrival(datetime.now(UTC), body, status))
            if self.late(body):
                time.sleep(_TOO_LATE_SECONDS)
            return status, None
        return 404, None

    def _authorize(self, body: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        self.authorizations.append(body)
        subscriber = self.subscribers.get(body["User-Name"]["value"][0])
        if subscriber is None:
            return 404, None
        return 200, {
            # FreeRADIUS would otherwise expand %{…} in what the subscriber chose.
            "control:Cleartext-Password": {"op": ":=", "value": [subscriber.password], "do_xlat": False},
            "reply:Framed-IP-Address": subscriber.address,
            "reply:Class": subscriber.plan,
            "reply:Session-Timeout": 3600,
            "reply:Mikrotik-Rate-Limit": "5M/20M",
        }


def _shows(authorization: str | None, credentials: tuple[str, str]) -> bool:
    scheme, _, value = (authorization or "").partition(" ")
    try:
        shown = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return scheme.lower() == "basic" and shown == ":".join(credentials)


def _handler(platform: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            """Remember the connection while it lasts."""
            super().setup()
            platform.connections.add(self.connection)

        def finish(self) -> None:
            """Forget it."""
            platform.connections.discard(self.connection)
            super().finish()

        def log_message(self, *_args: Any) -> None:
            """Say nothing: the caller's terminal is not a log."""

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = platform.answer(self.path, self.headers.get("Authorization"), json.loads(content))
            body = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="stand-in"')
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            try:
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # an answer that came too late

    return Handler

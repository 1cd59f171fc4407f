"""HTTP as the rules need it: one answer a request, connections kept open, nothing hidden."""

import http.client
import json
import threading
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

TIMEOUT_S = 60


class Answer(msgspec.Struct, frozen=True):
    """What came back. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ValueError for what is none."""
        return json.loads(self.body)


class Http(Protocol):
    """Sends requests to one server."""

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send one request and read the whole answer. `target` is path and query, encoded."""


class HttpClient:
    """A server by its URL, with one connection a thread."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: list[http.client.HTTPConnection] = []

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send one request. A kept connection that the server has closed meanwhile is opened again, once."""
        kept: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if kept is not None:
            try:
                return _exchange(kept, method, target, headers, body)
            except (http.client.RemoteDisconnected, ConnectionError):
                kept.close()
        self._local.connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
        with self._lock:
            self._opened.append(self._local.connection)
        return _exchange(self._local.connection, method, target, headers, body)

    def close(self) -> None:
        """Close the connections of all threads; call it when none of them sends any more."""
        for connection in self._opened:
            connection.close()


def _exchange(
    connection: http.client.HTTPConnection, method: str, target: str, headers: Mapping[str, str], body: bytes | None
) -> Answer:
    connection.request(method, target, body=body, headers=dict(headers))
    answer = connection.getresponse()
    content = answer.read()
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

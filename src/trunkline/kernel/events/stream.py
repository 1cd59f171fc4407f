"""One client's live stream of events, in the form of Server-Sent Events (WHATWG HTML, 9.2).

    id: 4711                      the place in the log; what the client sends as Last-Event-ID when it comes back
    data: {"eventId": ...}        the notification, as a callback would get it

Notifications carry no `event:` field, so that a browser's `onmessage` hears all of them; `eventType` is in the body. The
stream's last word is an `event: end` that says why it ends. Comments keep the connection alive; with them goes the place
up to which nothing was wanted, so that a client which comes back does not read it again.
"""

import asyncio
from collections import deque

import msgspec

from trunkline.kernel.events.hub import HubApi

RETRY_MS = 2000


class StreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What streams may take of one process.

    streams      open at a time
    events       waiting for one client; with one more it is cut off
    octets       the same in bytes
    heartbeat_s  seconds between signs of life when nothing happens
    lifetime_s   seconds after which a stream ends: the client comes back, and is authenticated and permitted anew
    """

    streams: int = 500
    events: int = 1000
    octets: int = 1 << 20
    heartbeat_s: float = 15.0
    lifetime_s: float = 900.0


class Channel(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """What a stream wants: events of one API and tenant, by the types and the condition of an EventQuery."""

    tenant: str
    api: HubApi
    types: tuple[str, ...] | None
    condition: str | None

    @property
    def key(self) -> tuple[object, ...]:
        """Streams with the same key get the same."""
        return (self.tenant, self.api.path, self.types, self.condition)


ENDS = {
    "tooSlow": "Events came faster than this client read them, and no more are kept for it.",
    "serverStops": "The server stops.",
    "lifetimeOver": "A stream is open for a while only, so that its permission is checked again.",
}
"""Why streams end, and what the client is told."""


class Waiting:
    """What is on its way to one client. `position` is the place up to which the client has been told all it wants."""

    def __init__(self, position: int, limits: StreamLimits) -> None:
        self.position = position
        self.end_code: str | None = None
        self._limits = limits
        self._frames: deque[tuple[int, bytes]] = deque()
        self._octets = 0
        self._bell = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        return not self._frames

    def is_over(self) -> bool:
        """Whether the stream is to end; a method, since it changes while its owner waits."""
        return self.end_code is not None

    def offer(self, seq: int, frame: bytes) -> None:
        """Put a frame behind the others; one too many ends the stream and frees them all."""
        if self.end_code is not None or seq <= self.position:
            return
        self._frames.append((seq, frame))
        self._octets += len(frame)
        if len(self._frames) > self._limits.events or self._octets > self._limits.octets:
            self.end("tooSlow")
        self._bell.set()

    def end(self, code: str) -> None:
        """Let the stream end; what waits is dropped, and the client gets it when it comes back."""
        self.end_code = self.end_code or code
        self._frames.clear()
        self._octets = 0
        self._bell.set()

    def take(self) -> bytes | None:
        """The next frame, which the client then has."""
        if not self._frames:
            return None
        self.position, frame = self._frames.popleft()
        self._octets -= len(frame)
        return frame

    async def wait(self) -> bool:
        """Until there is something to take or the stream ends; False when nothing came for a heartbeat's time."""
        if self.is_empty and self.end_code is None:
            self._bell.clear()
            try:
                async with asyncio.timeout(self._limits.heartbeat_s):
                    await self._bell.wait()
            except TimeoutError:
                return False
        return True


def event_frame(seq: int, notification: bytes) -> bytes:
    """A notification (JSON on one line) as an event."""
    return b"id: %d\ndata: %b\n\n" % (seq, notification)


def opening_frame(position: int) -> bytes:
    """What a stream begins with: where it stands, and after how many milliseconds to come back when it breaks."""
    return b": open\nretry: %d\nid: %d\n\n" % (RETRY_MS, position)


def heartbeat_frame(position: int) -> bytes:
    """A sign of life. An event without data is not dispatched, but the client remembers its id."""
    return b": alive\nid: %d\n\n" % position


def end_frame(position: int, code: str) -> bytes:
    """The last word."""
    told = {
        "code": code,
        "reason": ENDS[code],
        "message": "Nothing is lost.",
        "hint": "Connect again with Last-Event-ID.",
        "lastEventId": str(position),
    }
    return b"event: end\nid: %d\ndata: %b\n\n" % (position, msgspec.json.encode(told))

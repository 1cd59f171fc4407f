"""All live streams of one process. One reader follows the log and hands what it finds to whoever wants it.

A stream first reads what its client missed, at the client's pace; when it has come to the end of the log it joins the
reader. From then on the client must keep up: what waits for it is bounded.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import structlog

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, Record
from trunkline.kernel.errors import Invalid, TrunklineError, Unavailable
from trunkline.kernel.events.event import encode_payload
from trunkline.kernel.events.hub import HubApi
from trunkline.kernel.events.hub_query import parse_query
from trunkline.kernel.events.log import from_row, last_seq
from trunkline.kernel.events.notification import notification
from trunkline.kernel.events.relay import LOGGED_CHANNEL
from trunkline.kernel.events.stream import (
    Channel,
    StreamLimits,
    Waiting,
    end_frame,
    event_frame,
    heartbeat_frame,
    opening_frame,
)
from trunkline.kernel.events.stream_log import BATCH, read_log

_SAFETY_POLL_S = 5.0
_LOST = (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Streams:
    """Opens streams within the limits and feeds them. The reader runs while there are streams."""

    def __init__(self, limits: StreamLimits) -> None:
        self.limits = limits
        self._open: set[Stream] = set()
        self._joined: dict[tuple[object, ...], list[Stream]] = {}
        self._joining: list[tuple[Stream, asyncio.Future[int]]] = []
        self._heads: dict[str, int] = {}
        self._reader: asyncio.Task[None] | None = None
        self._bell = asyncio.Event()
        self._stopped = False
        self._log = structlog.get_logger("trunkline.streams")

    async def open(
        self, database: Database, api: HubApi, query: str, context: Context, last_event_id: str | None
    ) -> "Stream":
        """A stream of the tenant's events of this API that `query` wants (as the hub's), after `last_event_id` or from now
        on. Whoever opens it must call its `close`.

        Raises Invalid for the query and the id, Unavailable when no further stream is served here.
        """
        types = {name: type_ for type_, name in api.names.items()}
        wish = parse_query(query, api.resources, types=types, stored=api.stored)
        if self._stopped or len(self._open) >= self.limits.streams:
            raise Unavailable(
                "tooManyStreams",
                "This server has no room for a further stream.",
                message="Nothing was opened.",
                hint="Close a stream, or ask the operator to raise TRUNKLINE_EVENT_STREAMS.",
            )
        channel = Channel(tenant=context.tenant, api=api, types=wish.types, condition=wish.condition)
        stream = Stream(self, database, channel)
        self._open.add(stream)
        try:
            async with database.read() as session:
                if (
                    wish.condition is not None
                ):  # a condition that PostgreSQL refuses must not meet the reader's statement
                    await session.fetch_value("select ($1::text::jsonpath)::text", wish.condition)
                newest = await last_seq(session, context.tenant)
            stream.start(_position(last_event_id, newest))
        except BaseException:
            stream.close()
            raise
        return stream

    def stop(self) -> None:
        """End all streams and open no more."""
        self._stopped = True
        for stream in list(self._open):
            stream.waiting.end("serverStops")

    async def join(self, stream: "Stream") -> int:
        """From now on the reader feeds the stream with what comes behind the place that is returned."""
        admitted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._joining.append((stream, admitted))
        if self._reader is None:
            self._reader = asyncio.create_task(self._read(stream.database))
        self._bell.set()
        return await admitted

    def _admit(self) -> None:
        """Between two rounds only: events that a round has read already were not compared with what newcomers want."""
        for stream, admitted in self._joining:
            head = self._heads.setdefault(stream.channel.tenant, stream.waiting.position)
            self._joined.setdefault(stream.channel.key, []).append(stream)
            if not admitted.done():
                admitted.set_result(head)
        self._joining.clear()

    def head(self, tenant: str) -> int:
        """Up to where the reader has read the tenant's log."""
        return self._heads[tenant]

    def leave(self, stream: "Stream") -> None:
        """Forget a stream; with the last one the reader ends."""
        self._open.discard(stream)
        self._joining = [joining for joining in self._joining if joining[0] is not stream]
        key, tenant = stream.channel.key, stream.channel.tenant
        if stream in self._joined.get(key, ()):
            self._joined[key].remove(stream)
            if not self._joined[key]:
                del self._joined[key]
            if all(other[0] != tenant for other in self._joined):
                del self._heads[tenant]
        if not self._joined and not self._joining and self._reader is not None:
            self._reader.cancel()
            self._reader = None

    async def _read(self, database: Database) -> None:
        """Follow the log; when the database is away, until it is back."""
        async with asyncio.TaskGroup() as group:
            # While there is no connection to hear on, the poll does the work.
            group.create_task(database.listening({LOGGED_CHANNEL: lambda _payload: self._bell.set()}, self._bell.set))
            while True:
                self._bell.clear()
                try:
                    while await self._round(database):
                        pass
                except _LOST as error:
                    self._log.warning("streams_wait", error=type(error).__name__)
                except Exception:  # noqa: BLE001 the reader serves all: it must outlive what nobody expected
                    self._log.exception("streams_failed")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_SAFETY_POLL_S):
                        await self._bell.wait()

    async def _round(self, database: Database) -> bool:
        """Read once and hand out; whether there may be more."""
        self._admit()
        channels = [streams[0].channel for streams in self._joined.values()]
        heads = dict(self._heads)
        if not channels:
            return False
        async with database.read() as session:
            rows = await read_log(session, channels, heads)
        counts = dict.fromkeys(heads, 0)
        for row in rows:
            counts[row["tenant"]] += 1
            if row["tenant"] in self._heads:
                self._hand_out(row, channels)
                self._heads[row["tenant"]] = max(self._heads[row["tenant"]], row["seq"])
        return any(count == BATCH for count in counts.values())

    def _hand_out(self, row: Record, channels: list[Channel]) -> None:
        for n in row["wanted"]:
            streams = self._joined.get(channels[n].key, ())
            frame = self.frame(row, channels[n].api) if streams else None
            for stream in streams:
                if frame is not None:
                    stream.waiting.offer(row["seq"], frame)

    def frame(self, row: Record, api: HubApi) -> bytes | None:
        """The event as it is sent; None when the API's form cannot hold the document, which must not stop the others."""
        try:
            return event_frame(row["seq"], encode_payload(notification(from_row(row), api)).encode())
        except (TrunklineError, ValueError, TypeError, LookupError, AttributeError):
            self._log.exception("event_not_shown", event_id=row["id"], correlation_id=row["correlation_id"])
            return None


class Stream:
    """A client's stream: `frames` until it ends, then `close`."""

    def __init__(self, streams: Streams, database: Database, channel: Channel) -> None:
        self.database = database
        self.channel = channel
        self.waiting = Waiting(0, streams.limits)
        self._streams = streams
        self._timer: asyncio.TimerHandle | None = None

    def start(self, position: int) -> None:
        """Where it begins. Its life is counted from now."""
        self.waiting.position = position
        seconds = self._streams.limits.lifetime_s
        self._timer = asyncio.get_running_loop().call_later(seconds, self.waiting.end, "lifetimeOver")

    async def frames(self) -> AsyncIterator[bytes]:
        """What the client is sent, to the last word."""
        waiting = self.waiting
        yield opening_frame(waiting.position)
        async for frame in self._missed(None):
            yield frame
        head = await self._streams.join(self)
        async for frame in self._missed(head):
            yield frame
        while waiting.end_code is None:
            if await waiting.wait():
                while (taken := waiting.take()) is not None:
                    yield taken
            else:
                waiting.position = max(waiting.position, self._streams.head(self.channel.tenant))
                yield heartbeat_frame(waiting.position)
        yield end_frame(waiting.position, waiting.end_code)

    async def _missed(self, until: int | None) -> AsyncIterator[bytes]:
        """What the log holds behind the stream's position: up to `until`, or to its end."""
        waiting = self.waiting
        while not waiting.is_over() and (until is None or waiting.position < until):
            async with self.database.read() as session:
                rows = await read_log(session, [self.channel], {self.channel.tenant: waiting.position})
            for row in rows:
                if until is not None and row["seq"] > until:
                    return
                frame = self._streams.frame(row, self.channel.api) if row["wanted"] else None
                waiting.position = row["seq"]
                if frame is not None:
                    yield frame
                    if waiting.is_over():
                        return
            if len(rows) < BATCH:
                return

    def close(self) -> None:
        """Give its place back."""
        if self._timer is not None:
            self._timer.cancel()
        self._streams.leave(self)


def _position(last_event_id: str | None, newest: int) -> int:
    if last_event_id is None:
        return newest
    text = last_event_id.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) <= newest):
        raise Invalid(
            "unknownEventId",
            "This stream has never had such an event id.",
            message="Nothing was opened.",
            path="Last-Event-ID",
            hint="Send the id of the last event received; 0 for all events that are kept; leave it out to begin now.",
        )
    return int(text)

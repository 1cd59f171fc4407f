"""A load generator over HTTP/1.1 that costs little beside the server it drives: raw sockets, keep-alive, no library.

    python -m bench.support.http_load < job        one job as JSON on standard input, its outcome as JSON on standard output

A job names the address, whole requests as text, how many connections send them one after another, and for how long.
A general HTTP client takes longer to read an answer than the server needs to make one.
"""

import asyncio
import sys
import time
from typing import cast

import msgspec
import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`requests` are sent in turn by each connection, each from a place of its own; `expect` is the status they get."""

    host: str
    port: int
    requests: list[str]
    connections: int
    seconds: float
    expect: list[int]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Answers counted after warm-up, their times in ms, and the octets of an answer's body on average."""

    rate: float
    answers: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    body_octets: float


class _Connection(asyncio.Protocol):
    """One connection: one request at a time, the next as soon as the answer is whole."""

    def __init__(self, requests: list[bytes], start: int, expect: set[bytes], until: float) -> None:
        self._requests, self._next, self._expect, self._until = requests, start, expect, until
        self._buffer = b""
        self._sent_at = 0.0
        self.times: list[float] = []
        self.octets = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, which is not derived from it
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head_end = self._buffer.find(_HEAD_END)
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        length = int(head[head.find(_LENGTH) + len(_LENGTH) :].partition(b"\r")[0])
        if len(self._buffer) < head_end + len(_HEAD_END) + length:
            return
        now = time.perf_counter()
        if head[9:12] not in self._expect:
            self.done.set_exception(RuntimeError(f"unexpected answer: {self._buffer[:600]!r}"))
            self._transport.close()
            return
        self.times.append(now - self._sent_at)
        self.octets += length
        self._buffer = b""
        if now < self._until:
            self._send()
        else:
            self.done.set_result(None)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def _send(self) -> None:
        request = self._requests[self._next % len(self._requests)]
        self._next += 1
        self._sent_at = time.perf_counter()
        self._transport.write(request)


async def drive(job: Job) -> Outcome:
    """Run the job. Raises RuntimeError at the first answer with an unexpected status."""
    loop = asyncio.get_running_loop()
    requests = [text.encode() for text in job.requests]
    expect = {str(status).encode() for status in job.expect}
    began = time.perf_counter()
    connections = []
    for n in range(job.connections):
        start = n * len(requests) // job.connections
        _, connection = await loop.create_connection(
            lambda start=start: _Connection(requests, start, expect, began + job.seconds),  # type: ignore[misc]
            job.host,
            job.port,
        )
        connections.append(connection)
    await asyncio.gather(*(connection.done for connection in connections))
    seconds = time.perf_counter() - began
    times = sorted(taken for connection in connections for taken in connection.times)
    return Outcome(
        rate=len(times) / seconds,
        answers=len(times),
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[len(times) * 99 // 100] * 1000,
        max_ms=times[-1] * 1000,
        body_octets=sum(connection.octets for connection in connections) / len(times),
    )


def main() -> None:
    """Read a job, run it, print the outcome."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(drive(job))))


if __name__ == "__main__":
    main()

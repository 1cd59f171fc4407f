"""An answer leaves in one write, whole and in order."""

import asyncio
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from trunkline.app.one_write import OneWriteProtocol

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.written.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def _answer(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"body"})


def _connected() -> tuple[OneWriteProtocol, Wire]:
    config = Config(_answer, http="httptools", lifespan="off", date_header=False, server_header=False)
    config.load()
    protocol, wire = OneWriteProtocol(config=config, server_state=ServerState(), app_state={}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_head_and_body_are_one_write() -> None:
    protocol, wire = _connected()
    protocol.data_received(GET)
    await _turns()
    assert wire.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody"]
    protocol.data_received(GET)
    await _turns()
    assert len(wire.written) == 2


async def test_what_waits_is_written_before_the_close() -> None:
    protocol, wire = _connected()
    protocol.data_received(GET.replace(b"Host", b"Connection: close\r\nHost"))
    await _turns()
    assert wire.closed
    assert len(wire.written) == 1
    assert wire.written[0].endswith(b"\r\n\r\nbody")


async def test_nothing_is_written_to_a_connection_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    protocol, wire = _connected()
    protocol.data_received(GET)
    wire.closed = True
    await _turns()
    assert wire.written == []
    assert caplog.records == []

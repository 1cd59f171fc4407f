"""An answer that goes on: its body is sent bit by bit until it ends, the client goes, or the client stops reading."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Protocol, runtime_checkable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

SEND_S = 30.0
"""A client that takes no byte for so long is cut off."""


@runtime_checkable
class Flow(Protocol):
    """A body under way. `close` is called once, however it ends, also when `frames` was never asked."""

    def frames(self) -> AsyncIterator[bytes]: ...

    def close(self) -> None: ...


class FlowResponse(Response):
    """Sends a flow. One bit is in memory at a time; the next is asked for when the socket has taken it."""

    def __init__(self, flow: Flow, status: int, headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(b"", status, headers, media_type)
        del self.headers["content-length"]
        self._flow = flow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            await self._until_gone(receive, send)
        finally:
            self._flow.close()

    async def _until_gone(self, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, gone):
                task.cancel()
            results = await asyncio.gather(sending, gone, return_exceptions=True)
        if isinstance(results[0], Exception) and not isinstance(results[0], TimeoutError):
            raise results[0]

    async def _send(self, send: Send) -> None:
        async with contextlib.aclosing(self._flow.frames()) as frames:  # type: ignore[type-var]  # a generator
            async for frame in frames:
                async with asyncio.timeout(SEND_S):
                    await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

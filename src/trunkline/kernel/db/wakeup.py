"""Waking worker loops: by notification from any process, by a move of the clock, and at the latest after a second."""

import asyncio
import contextlib
from datetime import datetime

import asyncpg

from trunkline.kernel.clock import Clock
from trunkline.kernel.db.database import CLOCK_CHANNEL, WAKE_CHANNEL, Database
from trunkline.kernel.errors import Unavailable

SAFETY_POLL = 1.0
_LOST = (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Bell:
    """What loops of one sort sleep on. A loop takes `heard()` before it looks for work and gives it to `sleep`: a ring in
    between is not lost."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def heard(self) -> asyncio.Event:
        """What the next ring will set."""
        return self._event

    def ring(self) -> None:
        """Wake the loops that sleep now or are about to."""
        self._event.set()
        self._event = asyncio.Event()

    async def sleep(self, heard: asyncio.Event, until: datetime | None = None, longest: float = SAFETY_POLL) -> None:
        """Sleep to the next ring, to the installation's instant `until`, or for `longest` seconds of the wall."""
        seconds = longest
        if until is not None:
            seconds = min(seconds, max(0.0, (until - self._clock.now()).total_seconds()))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(heard.wait(), seconds)


class Wakeup:
    """Rings the bells of this process's loops. `run` keeps a listening connection; without it, loops still poll."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bells: list[Bell] = []

    def bell(self) -> Bell:
        """A bell that every notification rings."""
        bell = Bell(self._database.clock)
        self._bells.append(bell)
        return bell

    def wake(self) -> None:
        """Ring all bells."""
        for bell in self._bells:
            bell.ring()

    async def run(self) -> None:
        """Listen until cancelled, and take over the clock when it was moved or may have been."""
        moved = asyncio.Event()
        channels = {WAKE_CHANNEL: lambda _payload: self.wake(), CLOCK_CHANNEL: lambda _payload: moved.set()}
        hearing = asyncio.create_task(self._database.listening(channels, moved.set))
        try:
            while True:
                await moved.wait()
                moved.clear()
                with contextlib.suppress(*_LOST):
                    await self._database.refresh_clock()
                self.wake()
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

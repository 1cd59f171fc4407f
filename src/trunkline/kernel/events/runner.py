"""The worker's event loop: relay, consumers and hub, woken by NOTIFY and by a look every second."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import structlog

from trunkline.kernel.db import Database
from trunkline.kernel.db.database import WAKE_CHANNEL
from trunkline.kernel.errors import Unavailable
from trunkline.kernel.events.hub_delivery import HubSender, Subscriber
from trunkline.kernel.events.inbox import Consumers
from trunkline.kernel.events.relay import BATCH, Relay

POLL = timedelta(seconds=1)
TURN = 50
"""Events of one consumer in a row, before another consumer gets its turn."""
SUBSCRIBERS_AT_ONCE = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class EventRunner:
    """Runs until told to stop; survives the loss of the database by trying again with back-off.

    relay      None in a process that does not relay
    consumers  handlers of this process; several workers of one process take different resources
    hub        None in a process that does not send notifications
    """

    def __init__(
        self,
        database: Database,
        *,
        relay: Relay | None,
        consumers: Consumers | None,
        hub: HubSender | None = None,
        workers: int = 2,
        poll: timedelta = POLL,
    ) -> None:
        self._database = database
        self._relay = relay
        self._consumers = consumers
        self._hub = hub
        self._workers = workers
        self._poll = poll.total_seconds()
        self._bells: list[asyncio.Event] = []
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._send_again: set[str] = set()
        self._log = structlog.get_logger("trunkline.events")

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; what is in hand then is finished first."""
        try:
            await self._run(stop)
        except BaseException:
            for task in self._sending.values():
                task.cancel()
            raise
        finally:
            await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(stop))
            if self._relay is not None:
                group.create_task(self._repeat(self._relay_all, stop))
            if self._consumers is not None:
                for number in range(self._workers):
                    group.create_task(self._repeat(self._worker(self._consumers, number, stop), stop))
            if self._hub is not None:
                group.create_task(self._repeat(self._hub_round(self._hub, stop), stop))
            await stop.wait()
            self.wake()

    def wake(self) -> None:
        """Look for work now."""
        for bell in self._bells:
            bell.set()

    async def _repeat(self, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        """`work` on each wake-up and each poll; on failure a pause that grows."""
        bell = asyncio.Event()
        self._bells.append(bell)
        pause = _FIRST_PAUSE
        while not stop.is_set():
            bell.clear()
            try:
                await work()
                pause = _FIRST_PAUSE
                wait = self._poll
            except (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                self._log.warning("events_database_unavailable", error=type(error).__name__, again_in_s=pause)
                wait, pause = pause, min(2 * pause, _LONGEST_PAUSE)
            except Exception:  # noqa: BLE001 a mistake in one event or one consumer must not end the work on all others
                self._log.exception("events_loop_failed", again_in_s=pause)
                wait, pause = pause, min(2 * pause, _LONGEST_PAUSE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await bell.wait()

    async def _relay_all(self) -> None:
        assert self._relay is not None  # the loop only exists with a relay
        while True:
            moved = await self._relay.move()
            if moved.deliveries:
                self.wake()
            if moved.events < BATCH:
                return

    def _worker(self, consumers: Consumers, number: int, stop: asyncio.Event) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            while not stop.is_set():
                due = await consumers.due()
                shift = number % len(due) if due else 0  # the workers of a process begin at different consumers
                handled = [await self._turn(consumers, name, stop) for name in due[shift:] + due[:shift]]
                if not any(handled):
                    return

        return work

    async def _turn(self, consumers: Consumers, consumer: str, stop: asyncio.Event) -> bool:
        for done in range(TURN):
            if stop.is_set():
                return False
            if not await consumers.handle_next(consumer):
                if not done:
                    await consumers.put_off_blocked(consumer)
                return done > 0
        return True

    def _hub_round(self, hub: HubSender, stop: asyncio.Event) -> Callable[[], Awaitable[None]]:
        slots = asyncio.Semaphore(SUBSCRIBERS_AT_ONCE)

        async def send(subscriber: Subscriber) -> None:
            try:
                async with slots:
                    await hub.send_due(subscriber, stop)
            except (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                self._log.warning("hub_database_unavailable", error=type(error).__name__)
            except Exception:  # noqa: BLE001 one subscriber must not end the others
                self._log.exception("hub_subscription_failed", subscription=subscriber.id)
            finally:
                del self._sending[subscriber.id]
                if subscriber.id in self._send_again:  # something came while the run was ending
                    self._send_again.discard(subscriber.id)
                    self.wake()

        async def work() -> None:
            for subscriber in await hub.due():
                if subscriber.id in self._sending:
                    self._send_again.add(subscriber.id)
                else:
                    self._sending[subscriber.id] = asyncio.create_task(send(subscriber))

        return work

    async def _listen(self, stop: asyncio.Event) -> None:
        """Hear wake-ups. While there is no connection for it, the poll does the work."""
        hearing = asyncio.create_task(self._database.listening({WAKE_CHANNEL: lambda _payload: self.wake()}, self.wake))
        try:
            await stop.wait()
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

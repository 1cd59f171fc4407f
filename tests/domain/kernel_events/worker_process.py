"""A worker to be killed: relay and two consumers on the database given as argument."""

import asyncio
import sys

from tests.domain.kernel_events.scene import AT_ONCE, TYPE, note
from trunkline.kernel.db import Database
from trunkline.kernel.events.event import Subscription
from trunkline.kernel.events.inbox import Consumers
from trunkline.kernel.events.relay import Relay
from trunkline.kernel.events.runner import EventRunner


async def main(dsn: str) -> None:
    database = await Database.connect(dsn, max_size=4)
    subscriptions = [Subscription(consumer=name, types=(TYPE,), handler=note) for name in ("proof.note", "proof.other")]
    runner = EventRunner(
        database, relay=Relay(database, subscriptions), consumers=Consumers(database, subscriptions, retry=AT_ONCE)
    )
    await runner.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

"""The sealer's loop: seals the audit trail within a second and sweeps ended sessions. Runs in any role, once or more."""

import asyncio
import logging
import time

import asyncpg

from trunkline.kernel.db import Database
from trunkline.kernel.errors import Unavailable
from trunkline.kernel.security.audit_chain import BATCH, seal
from trunkline.kernel.security.sign_in import sweep

_PAUSE_S = 0.5
_SWEEP_S = 300.0
_AFTER_FAULT_S = 5.0
_log = logging.getLogger("trunkline.security")


class Sealer:
    """Seals until it is stopped."""

    def __init__(self, database: Database, pause_s: float = _PAUSE_S) -> None:
        self._database = database
        self._pause_s = pause_s

    async def run(self, stop: asyncio.Event) -> None:
        """Seal every half second until `stop` is set, and then once more."""
        swept = time.monotonic()
        while not stop.is_set():
            pause = self._pause_s
            try:
                sealed = await seal(self._database)
                if sealed >= BATCH:
                    continue
                if time.monotonic() - swept > _SWEEP_S:
                    await sweep(self._database)
                    swept = time.monotonic()
            except (asyncpg.PostgresError, Unavailable) as error:
                _log.warning("sealing waits: %s", type(error).__name__)
                pause = _AFTER_FAULT_S
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                pass
        try:
            await seal(self._database)
        except (asyncpg.PostgresError, Unavailable):
            pass  # what is pending stays pending; the next sealer takes it

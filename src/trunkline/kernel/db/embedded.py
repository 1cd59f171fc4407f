"""The embedded PostgreSQL: a real server of this installation's own, on a unix socket in a private folder.

    home/pg                 the cluster                    home/log/postgres.log   what the server says
    home/run                the socket (0700)              home/postgres.lock      one supervisor at a time

The server is a child of this process. It is told to stop when this process dies, also by kill -9 (on Linux); whatever
was left over is stopped at the next start, and what had been committed is there again after recovery.
"""

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from trunkline.kernel.db import cluster
from trunkline.kernel.db.programs import Runner, dies_with_parent, find_programs
from trunkline.kernel.errors import Conflict, Precondition, TrunklineError, Unavailable

_SOCKET_PATH_MAX = 100  # octets in sun_path: 104 on macOS, 108 on Linux
_LOG_OCTETS_MAX = 10_000_000
_SHARED_MEMORY_IN_USE = "is still in use"
_START_SECONDS = 120  # recovery after a crash reads the log since the last checkpoint: at most about max_wal_size


class EmbeddedServer:
    """Starts, watches and stops the PostgreSQL of one home folder. Not thread-safe; see `dies_with_parent`."""

    def __init__(
        self,
        home: Path,
        *,
        programs: Path | None = None,
        runner: Runner | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Programs and runner are found when not given; settings win over our own, for throw-away servers."""
        self.home = home.absolute()
        self._data = self.home / "pg"
        self._log = self.home / "log" / "postgres.log"
        self._socket = _socket_folder(self.home)
        self._programs = programs
        self._runner = runner
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    @property
    def dsn(self) -> str:
        """Where the server answers once it is started."""
        return f"postgresql://{cluster.DATABASE}@/{cluster.DATABASE}?host={quote(str(self._socket))}"

    @property
    def programs(self) -> Path:
        """The folder of the server's programs. Raises Unavailable when there are none."""
        if self._programs is None:
            self._programs = find_programs()
        return self._programs

    @property
    def is_running(self) -> bool:
        """True while the server process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The server's process id while it lives."""
        return self._process.pid if self._process is not None and self.is_running else None

    def start(self) -> str:
        """Start the server, making the cluster the first time; returns the DSN when it takes connections.

        Does nothing when it runs. Raises Conflict when another process supervises this home, Precondition when the
        cluster is of another major version, Unavailable with the end of the server's log when it does not start.
        """
        if self.is_running:
            return self.dsn
        self._take_lock()
        try:
            runner = self._runner = self._runner or Runner.here()
            self._prepare(runner)
            self._stop_left_over()
            if not self._data.exists():
                cluster.create(self._data, self.programs, runner)
            cluster.check_version(self._data, self.programs)
            cluster.configure(self._data, runner)
            self._launch(runner)
        except BaseException:
            self.stop()
            raise
        return self.dsn

    def stop(self) -> None:
        """Stop the server and free the home. Open transactions are rolled back; nothing happens when it does not run."""
        if self._process is not None:
            for number, seconds in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
                self._process.send_signal(number)  # fast, then immediate shutdown, then none at all
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(seconds)
                    break
            self._process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def kill(self) -> None:
        """End the server as a crash would: kill -9. What was committed is there after the next start."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _take_lock(self) -> None:
        if self._lock is not None:
            return  # ours since an earlier start: the server died, not we
        self.home.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.home / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(lock, 20, 0).decode().strip() or "unknown"
            os.close(lock)
            raise Conflict(
                "homeInUse",
                f"{self.home} is already in use by another Trunkline (process {holder}).",
                message="Stop that one, or set TRUNKLINE_HOME to another folder.",
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock

    def _prepare(self, runner: Runner) -> None:
        """Make the folders, and see that the programs can be run as the runner's user."""
        self._log.parent.mkdir(exist_ok=True)
        self._socket.mkdir(mode=0o700, exist_ok=True)
        if self._socket.parent != self.home and not _is_ours(self._socket):
            raise Conflict(
                "socketFolderTaken",
                f"{self._socket} belongs to somebody else.",
                message="Remove it, or set TRUNKLINE_HOME to a shorter path, which needs no folder there.",
            )
        self._socket.chmod(0o700)
        runner.give(self._socket)
        if runner.user is None:
            return
        for path in (self.programs / "postgres", self.home):
            seen = subprocess.run(["test", "-x", str(path)], check=False, **runner.options())
            if seen.returncode != 0:
                raise Precondition(
                    "notReachable",
                    f"PostgreSQL cannot run as root, and its stand-in `nobody` cannot reach {path}.",
                    message="This machine refuses user namespaces. Run Trunkline as an ordinary user, or move the "
                    "project and TRUNKLINE_HOME to folders that everyone may enter.",
                )

    def _launch(self, runner: Runner) -> None:
        """Start the server and wait until it is ready. Processes of a killed server may need a moment to leave."""
        if self._log.exists() and self._log.stat().st_size > _LOG_OCTETS_MAX:
            self._log.rename(self._log.with_suffix(".log.1"))
        deadline = time.monotonic() + _START_SECONDS
        said_from = self._spawn(runner)
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise self._failure(f"PostgreSQL was not ready after {_START_SECONDS} s.", self._said(said_from))
            if not self.is_running:
                said = self._said(said_from)
                if _SHARED_MEMORY_IN_USE not in said:
                    raise self._failure("PostgreSQL stopped while it started.", said)
                time.sleep(0.1)
                said_from = self._spawn(runner)
            time.sleep(0.005)

    def _spawn(self, runner: Runner) -> int:
        """Start the server process; returns where in the log it begins to speak."""
        words = [self.programs / "postgres", "-D", self._data, "-k", self._socket]
        words += [f"--{name}={value}" for name, value in self._settings.items()]
        with self._log.open("ab") as log:
            said_from = log.tell()  # before the server shares, and moves, the position
            self._process = subprocess.Popen(
                runner.arguments([str(word) for word in words]),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C at the terminal is for us; we then stop things in order
                preexec_fn=dies_with_parent(signal.SIGINT),  # noqa: PLW1509  one system call, found before the fork
                **runner.options(),
            )  # fmt: skip
            return said_from

    def _is_ready(self) -> bool:
        """The server writes its state into line 8 of its pid file, which is where pg_ctl looks, too."""
        lines = self._pid_file()
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _stop_left_over(self) -> None:
        """Stop a server of this home that outlived its supervisor; forget one that is gone.

        The server itself would refuse to start when its old process id now belongs to something else, which is the rule
        after a restart of a container.
        """
        lines = self._pid_file()
        if not lines:
            return
        pid = int(lines[0])
        deadline = time.monotonic() + 30
        while _serves(pid, self._data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT if time.monotonic() < deadline else signal.SIGQUIT)
            if time.monotonic() > deadline + 10:
                raise self._failure(f"A PostgreSQL left over from before (process {pid}) does not stop.", self._said(0))
            time.sleep(0.05)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _said(self, position: int) -> str:
        with self._log.open("rb") as file:
            file.seek(position)
            return "\n".join(file.read()[-4000:].decode(errors="replace").splitlines()[-15:])

    def _failure(self, reason: str, said: str) -> TrunklineError:
        return Unavailable(
            "postgresDidNotStart",
            reason,
            message=f"The end of {self._log}:\n{said}\nStart again once the cause is mended; the data were not touched.",
        )


def _socket_folder(home: Path) -> Path:
    """home/run, or a folder in the system's temporary one when that would be too long for a socket's address."""
    folder = home / "run"
    if len(os.fsencode(folder / ".s.PGSQL.5432.lock")) <= _SOCKET_PATH_MAX:
        return folder
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"trunkline-{name}"


def _is_ours(folder: Path) -> bool:
    """True when nobody else can have made this folder: in a shared place, its name could have been taken before us."""
    owners = {os.getuid(), Runner.as_nobody().uid} if os.getuid() == 0 else {os.getuid()}
    return not folder.is_symlink() and folder.stat().st_uid in owners


def _serves(pid: int, data: Path) -> bool:
    """True when the process is a PostgreSQL server of this data folder."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return os.fsencode(data) in words and Path(os.fsdecode(words[0])).name == "postgres"
    except OSError:  # no such process, or a system without /proc
        pass
    try:
        seen = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
    except FileNotFoundError:  # a small Linux without ps, where /proc has answered already
        return False
    return b"postgres -D " + os.fsencode(data) in seen.stdout

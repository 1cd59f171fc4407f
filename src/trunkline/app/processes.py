"""Runs an installation's processes: starts them in order, restarts what dies, stops them in reverse order.

    home/log/<name>.log   what each process says            home/run.json   what runs, for other programs and people
    home/run.lock         held as long as the supervisor lives

The database comes first and goes last. A process that dies later is started again after a pause that grows while it
keeps dying; one that dies before it was ever ready ends the start with the last lines it said.
"""

import contextlib
import fcntl
import http.client
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import msgspec
import structlog

from trunkline.app.child import Backoff, Child, ProcessSpec
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.errors import Conflict, TrunklineError

__all__ = ["ProcessSpec", "Running", "Supervisor", "answers", "read_running"]

POLL_SECONDS = 0.2
LOCK_SECONDS = 1.0
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What run.json says: the supervisor, its processes by name, and where they answer."""

    pid: int
    processes: dict[str, int]
    urls: dict[str, str]


def read_running(home: Path) -> Running | None:
    """What runs in a home, or None. A file left behind by a kill -9 counts as nothing."""
    try:
        running = msgspec.json.decode((home / "run.json").read_bytes(), type=Running)
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
        return None
    return running if _is_held(home) else None


def _is_held(home: Path) -> bool:
    """Whether a supervisor lives here. Its lock ends with it, whatever ends it; its process id may by now be another's."""
    try:
        with (home / "run.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except (BlockingIOError, PermissionError):  # it may belong to somebody else
        return True
    return False


def answers(host: str, port: int, path: str) -> Callable[[], bool]:
    """A ready check: GET answers 200."""

    def ask() -> bool:
        connection = http.client.HTTPConnection(host, port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ask


class Supervisor:
    """Runs the embedded server, when there is one, and the processes, until it is told to stop."""

    def __init__(self, home: Path, specs: Sequence[ProcessSpec], *, server: EmbeddedServer | None = None) -> None:
        self._home = home
        self._server = server
        self._server_backoff = Backoff()
        self._children = [Child(spec, home / "log" / f"{spec.name}.log") for spec in specs]
        self._stop = threading.Event()
        self._is_impatient = False
        self._log = structlog.get_logger("trunkline.processes")

    def run(self, when_ready: Callable[[], None] = lambda: None) -> None:
        """Start all, call `when_ready`, keep all running until SIGTERM, SIGINT or SIGHUP, stop all.

        A second signal does not wait for processes that are slow to stop. Call it from the main thread: signals arrive
        there, and on Linux the children end with the thread that started them. Raises Unavailable when a process does
        not start, Conflict when another supervisor runs in this home, and what EmbeddedServer.start raises.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        with self._lock(), self._signals():
            try:
                self._start_all()
                if not self._stop.is_set():
                    when_ready()
                while not self._stop.wait(POLL_SECONDS):
                    self._watch()
            finally:
                self._stop_all()

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        deadline = time.monotonic() + LOCK_SECONDS  # whoever looks whether it is held, holds it for a moment
        with (self._home / "run.lock").open("wb") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise Conflict(
                            "alreadyRunning",
                            f"Trunkline runs in {self._home} already.",
                            message="Stop it first, or give this one a home of its own by TRUNKLINE_HOME.",
                        ) from error
                    time.sleep(0.02)
            yield

    def _start_all(self) -> None:
        """All at once: each needs the database, none needs another to start."""
        if self._server is not None and not self._server.is_running:
            self._server.start()
        for child in self._children:
            if self._stop.is_set():
                return
            child.start()
            self._write_running()
        for child in self._children:
            self._await_ready(child)

    def _await_ready(self, child: Child) -> None:
        deadline = time.monotonic() + child.spec.ready_seconds
        while not child.is_ready() and not self._stop.is_set():
            if not child.is_running:
                raise child.failure("stopped while it started")
            if time.monotonic() > deadline:
                raise child.failure(f"was not ready after {child.spec.ready_seconds} s")
            self._stop.wait(0.05)

    def _watch(self) -> None:
        """Start again what died and has paused long enough. The database first: the others need it."""
        changed = self._watch_server()
        for child in self._children:
            child.limit_log()
            if child.is_running:
                continue
            if child.backoff.pause is None:
                pause = child.backoff.died()
                self._log.warning("process_died", process=child.spec.name, status=child.status, restart_in_s=pause)
            if child.backoff.may_start():
                child.start()
                changed = True
        if changed:
            self._write_running()

    def _watch_server(self) -> bool:
        server = self._server
        if server is None or server.is_running:
            return False
        if self._server_backoff.pause is None:
            self._log.warning("process_died", process="postgres", restart_in_s=self._server_backoff.died())
        if not self._server_backoff.may_start():
            return False
        try:
            server.start()
        except TrunklineError as error:  # a full disk, say: the next attempt may find it mended
            self._log.error("process_not_started", process="postgres", reason=str(error))
            self._server_backoff.died()
            return False
        self._server_backoff.started()
        self._log.info("process_restarted", process="postgres")
        return True

    def _stop_all(self) -> None:
        for child in reversed(self._children):
            child.stop(at_once=lambda: self._is_impatient)
        if self._server is not None:
            self._server.stop()
        (self._home / "run.json").unlink(missing_ok=True)

    def _write_running(self) -> None:
        processes = {child.spec.name: child.pid for child in self._children if child.pid is not None}
        if self._server is not None and self._server.pid is not None:
            processes["postgres"] = self._server.pid
        urls = {child.spec.name: child.spec.url for child in self._children if child.spec.url is not None}
        fresh = self._home / "run.json.new"
        text = msgspec.json.encode(Running(pid=os.getpid(), processes=processes, urls=urls))
        fresh.write_bytes(msgspec.json.format(text) + b"\n")
        fresh.replace(self._home / "run.json")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(_number: int, _frame: FrameType | None) -> None:
            self._is_impatient = self._stop.is_set()
            self._stop.set()

        before = {number: signal.signal(number, stop) for number in _STOPPING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

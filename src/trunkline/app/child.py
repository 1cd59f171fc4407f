"""One supervised child process: its log, its end, and the pause before it is started again."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from trunkline.kernel.db.programs import dies_with_parent
from trunkline.kernel.errors import Unavailable

STOP_SECONDS = 15
PAUSE_SECONDS_MIN = 0.2
PAUSE_SECONDS_MAX = 10.0
STEADY_SECONDS = 30
"""A process that lived this long is taken for healthy again: its next death is followed by the shortest pause."""
LOG_OCTETS_MAX = 50_000_000


class ProcessSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A process to run.

    argv   command line; the program is found as it stands
    env    variables on top of this process's own
    ready  says whether the process does its work; asked until True at the first start. None: ready when it runs
    url    where it answers, for run.json
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = {}
    ready: Callable[[], bool] | None = None
    ready_seconds: int = 60
    url: str | None = None


class Backoff:
    """How long to wait before something that died is started again: twice as long each time it dies soon."""

    def __init__(self) -> None:
        self.pause: float | None = None
        """Seconds that are being waited since the last death; None while it runs."""
        self._next = PAUSE_SECONDS_MIN
        self._due_at = 0.0
        self._started_at = time.monotonic()

    def died(self) -> float:
        """Note a death, or an attempt that failed; returns the pause in seconds."""
        now = time.monotonic()
        if self.pause is None and now - self._started_at >= STEADY_SECONDS:
            self._next = PAUSE_SECONDS_MIN
        self.pause, self._next = self._next, min(self._next * 2, PAUSE_SECONDS_MAX)
        self._due_at = now + self.pause
        return self.pause

    def may_start(self) -> bool:
        """True when the pause is over."""
        return time.monotonic() >= self._due_at

    def started(self) -> None:
        self.pause = None
        self._started_at = time.monotonic()


class Child:
    """A child process in a session of its own; it gets SIGTERM when this process dies (Linux)."""

    def __init__(self, spec: ProcessSpec, log: Path) -> None:
        self.spec = spec
        self.backoff = Backoff()
        self._log = log
        self._said_from = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.is_running else None

    @property
    def status(self) -> int | None:
        """The exit status, negative for the signal that ended it; None while it runs."""
        return None if self._process is None else self._process.poll()

    def is_ready(self) -> bool:
        return self.is_running and (self.spec.ready is None or self.spec.ready())

    def start(self) -> None:
        """Start the process; what it says goes to the end of its log."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._said_from = log.tell()
            self._process = subprocess.Popen(
                self.spec.argv,
                env={**os.environ, **self.spec.env},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,  # a Ctrl-C at the terminal is for the supervisor, which stops things in order
                preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509  one system call, found before the fork
            )  # fmt: skip
        self.backoff.started()

    def stop(self, *, at_once: Callable[[], bool] = lambda: False) -> None:
        """SIGTERM, and kill -9 for the process and its own children when it has not ended in time or `at_once` says so."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while process.poll() is None:
            if at_once() or time.monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            time.sleep(0.02)
        self._process = None

    def limit_log(self) -> None:
        """Keep the log's last part aside and begin again when it has grown large; the process goes on appending."""
        if self._log.stat().st_size > LOG_OCTETS_MAX:
            shutil.copyfile(self._log, self._log.with_suffix(".log.1"))
            os.truncate(self._log, 0)
            self._said_from = 0

    def failure(self, what: str) -> Unavailable:
        """An error with the end of what the process said since it was started."""
        with self._log.open("rb") as file:
            file.seek(self._said_from)
            said = "\n".join(file.read()[-4000:].decode(errors="replace").splitlines()[-15:])
        return Unavailable(
            "processNotStarted", f"{self.spec.name} {what}.", message=f"The end of {self._log}:\n{said or '(nothing)'}"
        )

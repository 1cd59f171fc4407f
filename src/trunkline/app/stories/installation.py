"""A throw-away installation: its own home, database, server, worker and clock; gone when the story ends."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from trunkline.app.place import KEY_FILE, NETWORK_KEY_FILE
from trunkline.app.processes import read_running
from trunkline.app.stories.client import ApiClient

START_S = 180
"""A machine with nothing else to do needs a tenth of it."""


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """A running installation. `processes` are known by name in its home's run.json."""

    home: Path
    url: str
    pid: int

    def operator(self) -> ApiClient:
        """A client with the operator's key."""
        return ApiClient(self.url, (self.home / KEY_FILE).read_text("utf-8").strip())

    def network(self) -> ApiClient:
        """A client with the key of a network element."""
        return ApiClient(self.url, (self.home / NETWORK_KEY_FILE).read_text("utf-8").strip())

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on this installation."""
        return subprocess.run(
            [sys.executable, "-m", "trunkline", *words],
            env=environment_of(self.home, self.url),
            capture_output=True,
            text=True,
            check=False,
        )


def environment_of(home: Path, url: str) -> dict[str, str]:
    """The environment in which programs belong to the installation of a home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    port = url.rpartition(":")[2]
    return {
        **kept,
        "TRUNKLINE_HOME": str(home),
        "TRUNKLINE_HTTP_PORT": port,
        "TRUNKLINE_MODE": "demo",
        "TRUNKLINE_DEMO_LIFE": "off",
    }


@contextlib.contextmanager
def throw_away(
    clock_start: str, *, files: Mapping[str, str] | None = None, keep: bool = False
) -> Iterator[Installation]:
    """Start an installation whose clock begins at `clock_start`; stop and remove it at the end.

    files   name → text of files for the home, readable by their owner only
    keep    leave the home in place, for looking into it
    """
    home = Path(tempfile.mkdtemp(prefix="trunkline-story-"))
    url = f"http://127.0.0.1:{_free_port()}"
    environment = {**environment_of(home, url), "TRUNKLINE_CLOCK_START": clock_start}
    for name, text in (files or {}).items():
        (home / name).touch(mode=0o600)
        (home / name).write_text(text, "utf-8")
    (home / "log").mkdir()
    with (home / "log" / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "trunkline", "up"],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _await_ready(process, home)
        running = read_running(home)
        assert running is not None
        yield Installation(home=home, url=url, pid=running.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if not keep:
            shutil.rmtree(home, ignore_errors=True)


def _await_ready(process: subprocess.Popen[bytes], home: Path) -> None:
    deadline = time.monotonic() + START_S
    while "Trunkline is up" not in (home / "log" / "up.log").read_text("utf-8", "replace"):
        late = time.monotonic() > deadline
        if late or process.poll() is not None:
            how = f"is not up after {START_S} s" if late else f"ended with {process.returncode}"
            said = "\n".join(
                f"{log.name}: {log.read_text('utf-8', 'replace')[-2000:]}" for log in sorted((home / "log").iterdir())
            )
            raise RuntimeError(f"the throw-away installation {how}:\n{said}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

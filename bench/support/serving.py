"""A running `trunkline serve`, driven over HTTP, and what is said of the machine: what the benches of the API share."""

import contextlib
import os
import platform
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.support.http_load import Job, Outcome
from trunkline.app.place import KEY_FILE

CONNECTIONS = 8
START_SECONDS = 90


class Serving(msgspec.Struct, frozen=True):
    """A running `trunkline serve`."""

    process: "subprocess.Popen[bytes]"
    port: int
    key: str

    def request(self, method: str, target: str, body: bytes = b"") -> str:
        """A whole HTTP request as text."""
        head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.key}\r\n"
        sent = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        return f"{head}{sent}\r\n{body.decode()}"

    def cpu(self) -> float:
        """Seconds of processor time the process has used."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def drive(self, requests: list[str], seconds: float, connections: int = CONNECTIONS) -> tuple[Outcome, float]:
        """Send requests for a while; the outcome and the microseconds of this process's time an answer took."""
        job = Job(
            host="127.0.0.1",
            port=self.port,
            requests=requests,
            connections=connections,
            seconds=seconds,
            expect=[200, 201, 206],
        )
        before = self.cpu()
        done = subprocess.run(
            [sys.executable, "-m", "bench.support.http_load"],
            input=msgspec.json.encode(job),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode()[-2000:])
        outcome = msgspec.json.decode(done.stdout, type=Outcome)
        return outcome, (self.cpu() - before) * 1e6 / outcome.answers


@contextlib.contextmanager
def serving(home: Path, dsn: str) -> Iterator[Serving]:
    """`trunkline serve` as a process of its own, ready."""
    port = free_port()
    with (home / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "trunkline", "serve"], env=environment(home, port, dsn), stdout=log, stderr=log
        )
    try:
        await_ready(process, port, home / "serve.log")
        yield Serving(process, port, (home / KEY_FILE).read_text().strip())
    finally:
        process.terminate()
        process.wait(30)


def environment(home: Path, port: int, dsn: str | None) -> dict[str, str]:
    """This process's environment with the settings of an installation of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    ours = {"TRUNKLINE_HOME": str(home), "TRUNKLINE_HTTP_PORT": str(port), "TRUNKLINE_LOG": "json"}
    return kept | ours | ({"TRUNKLINE_DATABASE_URL": dsn} if dsn else {})


def await_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Wait until `/health/ready` answers. Raises RuntimeError with the log's end when the process ends before."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2).close()
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"not ready:\n{log.read_text()[-2000:]}")
        time.sleep(0.02)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return round(int(found[1]) / 1024, 1) if found else 0.0


def machine() -> dict[str, Any]:
    """What was measured on, and how busy it was."""
    cores, load = os.cpu_count(), os.getloadavg()[0]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    return {
        "machine": f"{cores} cores, {memory} GiB, load {load:.1f}, {platform.machine()}, Python {platform.python_version()}"
    }

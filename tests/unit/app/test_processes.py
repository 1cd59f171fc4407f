"""The supervisor: what dies is started again, and nothing is left when it ends, in whatever way it ends."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trunkline.app import child as child_module
from trunkline.app.child import Backoff, Child
from trunkline.app.processes import ProcessSpec, Supervisor, answers, read_running
from trunkline.kernel.errors import Unavailable

# A child that counts its starts, says so when it is told to stop, and ends.
_CHILD = """
import os, pathlib, signal, sys, time
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
with (folder / "events").open("a") as file: file.write(f"start {name}\\n")
def stop(*_):
    with (folder / "events").open("a") as file: file.write(f"stop {name}\\n")
    raise SystemExit(0)
signal.signal(signal.SIGTERM, stop)
print("hello from", name, flush=True)
(folder / f"{name}.pid").write_text(str(os.getpid()))
while True: time.sleep(0.05)
"""

_SUPERVISOR = """
import sys
from pathlib import Path
from trunkline.app.processes import ProcessSpec, Supervisor
from trunkline.kernel.db.embedded import EmbeddedServer
home, child = Path(sys.argv[1]), sys.argv[2]
specs = [
    ProcessSpec(name=name, argv=(sys.executable, "-c", child, str(home), name), ready=(home / f"{name}.pid").exists,
                url=f"http://127.0.0.1/{name}")
    for name in ("serve", "work")
]
server = EmbeddedServer(home) if len(sys.argv) > 3 else None
Supervisor(home, specs, server=server).run(lambda: (home / "up").touch())
(home / "ended").touch()
"""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def _until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class Installation:
    """A supervisor in a process of its own, as `trunkline up` is."""

    def __init__(self, home: Path, *more: str) -> None:
        self.home = home
        words = [sys.executable, "-c", _SUPERVISOR, str(home), _CHILD, *more]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL)

    def until_up(self) -> "Installation":
        _until((self.home / "up").exists, 60)
        return self

    def pids(self) -> dict[str, int]:
        running = read_running(self.home)
        return {} if running is None else running.processes

    def events(self) -> list[str]:
        return (self.home / "events").read_text().splitlines()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path)
    yield installation
    installation.process.kill()
    installation.process.wait()


def test_processes_start_in_order_and_run_json_says_what_runs(installation: Installation) -> None:
    installation.until_up()
    running = read_running(installation.home)
    assert running is not None
    assert running.pid == installation.process.pid
    assert running.processes == {
        name: int((installation.home / f"{name}.pid").read_text()) for name in ("serve", "work")
    }
    assert running.urls == {"serve": "http://127.0.0.1/serve", "work": "http://127.0.0.1/work"}
    assert installation.events() == ["start serve", "start work"]
    assert (installation.home / "log" / "work.log").read_text() == "hello from work\n"


def test_sigterm_stops_all_in_reverse_order_and_leaves_no_run_json(installation: Installation) -> None:
    pids = installation.until_up().pids()
    installation.process.terminate()
    assert installation.process.wait(20) == 0
    assert installation.events()[2:] == ["stop work", "stop serve"]
    assert [name for name, pid in pids.items() if _alive(pid)] == []
    assert not (installation.home / "run.json").exists()
    assert (installation.home / "ended").exists()


def test_a_child_killed_by_9_is_started_again_and_the_others_are_left_alone(installation: Installation) -> None:
    before = installation.until_up().pids()
    os.kill(before["work"], signal.SIGKILL)
    _until(lambda: installation.pids().get("work", before["work"]) != before["work"], 5)
    after = installation.pids()
    assert after["serve"] == before["serve"]
    _until(lambda: installation.events() == ["start serve", "start work", "start work"])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child that its parent died")
def test_children_end_with_a_killed_supervisor_and_run_json_counts_as_nothing(installation: Installation) -> None:
    pids = installation.until_up().pids()
    installation.process.kill()
    installation.process.wait()
    _until(lambda: not any(_alive(pid) for pid in pids.values()))
    assert (installation.home / "run.json").exists()
    assert read_running(installation.home) is None


def test_postgresql_killed_by_9_is_noticed_within_a_second_and_comes_back(tmp_path: Path) -> None:
    installation = Installation(tmp_path, "with postgres")
    try:
        before = installation.until_up().pids()
        os.kill(before["postgres"], signal.SIGKILL)
        began = time.monotonic()
        _until(lambda: installation.pids().get("postgres", before["postgres"]) != before["postgres"])
        # noticed, paused for 0.2 s, recovered: well within what a client waits before it tries again
        assert time.monotonic() - began < 5
        after = installation.pids()
        assert (after["serve"], after["work"]) == (before["serve"], before["work"])
        installation.process.terminate()
        assert installation.process.wait(40) == 0
        assert [name for name, pid in after.items() if _alive(pid)] == []
    finally:
        installation.process.kill()
        installation.process.wait()


def _spec(program: str, **more: object) -> ProcessSpec:
    return ProcessSpec(name="odd", argv=(sys.executable, "-c", textwrap.dedent(program)), **more)  # type: ignore[arg-type]


def test_a_process_that_dies_at_its_first_start_ends_the_start_with_what_it_said(tmp_path: Path) -> None:
    spec = _spec("raise SystemExit('the port is taken')", ready=lambda: False)
    with pytest.raises(Unavailable, match=r"odd stopped while it started[\s\S]*the port is taken"):
        Supervisor(tmp_path, [spec]).run()
    assert not (tmp_path / "run.json").exists()


def test_a_process_that_is_never_ready_ends_the_start_and_is_stopped(tmp_path: Path) -> None:
    spec = _spec(
        "import os, time; print(os.getpid(), flush=True); time.sleep(60)", ready=lambda: False, ready_seconds=1
    )
    with pytest.raises(Unavailable, match="odd was not ready after 1 s"):
        Supervisor(tmp_path, [spec]).run()
    assert not _alive(int((tmp_path / "log" / "odd.log").read_text()))


_STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""


def test_a_process_that_will_not_stop_is_killed_with_its_own_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "STOP_SECONDS", 0.3)
    log = tmp_path / "odd.log"
    child = Child(_spec(_STUBBORN), log)
    child.start()
    _until(lambda: len(log.read_text().split()) == 2)
    child.stop()
    pids = [int(word) for word in log.read_text().split()]
    _until(lambda: not any(_alive(pid) for pid in pids), 5)
    assert not child.is_running


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    child = Child(_spec(_STUBBORN), tmp_path / "odd.log")
    child.start()
    _until(lambda: len((tmp_path / "odd.log").read_text().split()) == 2)
    began = time.monotonic()
    child.stop(at_once=lambda: True)
    assert time.monotonic() - began < 5


def test_the_pause_doubles_while_something_keeps_dying_and_starts_over_after_a_steady_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    backoff = Backoff()
    pauses = []
    for _ in range(8):
        pauses.append(backoff.died())
        assert not backoff.may_start()
        now += pauses[-1]
        assert backoff.may_start()
        backoff.started()
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    now += child_module.STEADY_SECONDS
    assert backoff.died() == 0.2


def test_a_log_that_has_grown_large_begins_again_and_keeps_its_last_part_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "LOG_OCTETS_MAX", 5)
    log = tmp_path / "odd.log"
    child = Child(_spec("import time; print('first', flush=True); time.sleep(0.8); print('second', flush=True)"), log)
    child.start()
    _until(lambda: log.read_text() == "first\n")
    child.limit_log()
    assert log.read_text() == ""
    assert log.with_suffix(".log.1").read_text() == "first\n"
    _until(lambda: log.read_text() == "second\n")
    child.stop()


def test_the_ready_check_wants_a_200(tmp_path: Path) -> None:
    (tmp_path / "ready").write_text("yes")
    words = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline().split(" port ")[1].split()[0])
        assert answers("127.0.0.1", port, "/ready")()
        assert not answers("127.0.0.1", port, "/missing")()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    assert not answers("127.0.0.1", port, "/ready")()


def test_a_run_json_that_is_not_ours_counts_as_nothing(tmp_path: Path) -> None:
    assert read_running(tmp_path) is None
    (tmp_path / "run.json").write_text(json.dumps({"pid": "me"}))
    assert read_running(tmp_path) is None

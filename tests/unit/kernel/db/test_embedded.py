"""The embedded server: what is acknowledged survives kill -9, and nothing outside the home is touched."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from trunkline.kernel.db.cluster import buffers_mb
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.db.programs import Runner, find_programs, major_version, namespaces_work
from trunkline.kernel.errors import Conflict, Precondition, Unavailable

pytestmark = pytest.mark.pg_matrix


@pytest.fixture(scope="module")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose cluster was made and stopped; making one takes a second or more, copying it a tenth of that."""
    server = EmbeddedServer(tmp_path_factory.mktemp("first") / "home")
    server.start()
    server.stop()
    return server.home


@pytest.fixture
def server(tmp_path: Path, first_home: Path) -> Iterator[EmbeddedServer]:
    shutil.copytree(first_home / "pg", tmp_path / "home" / "pg")
    server = EmbeddedServer(tmp_path / "home")
    yield server
    server.stop()


async def _run(dsn: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(("memory", "buffers"), [(0, 128), (1_024, 128), (8_192, 512), (24_000, 1_024)])
def test_its_buffers_fit_the_machine(memory: int, buffers: int) -> None:
    assert buffers_mb(memory) == buffers


def test_a_first_start_makes_a_utf8_cluster_with_a_neutral_collation_and_no_network_port(
    server: EmbeddedServer,
) -> None:
    dsn = server.start()
    row = asyncio.run(
        _run(
            dsn,
            "select current_setting('server_encoding') as encoding, current_setting('listen_addresses') as addresses,"
            " current_setting('synchronous_commit') as sync, current_setting('fsync') as fsync,"
            " 'a' < 'B' as by_language, lower('Ä') as lower",
        )
    )[0]
    assert dict(row) == {
        "encoding": "UTF8",
        "addresses": "",
        "sync": "on",
        "fsync": "on",
        "by_language": False,
        "lower": "ä",
    }
    assert (server.home / "run").stat().st_mode & 0o777 == 0o700


def test_stop_and_start_keep_the_data_and_are_harmless_when_repeated(server: EmbeddedServer) -> None:
    dsn = server.start()
    asyncio.run(_run(dsn, "create table kept as select 7 as n"))
    assert server.start() == dsn
    server.stop()
    assert not server.is_running
    server.stop()
    began = time.monotonic()
    assert server.start() == dsn
    assert time.monotonic() - began < 3
    assert asyncio.run(_run(dsn, "select n from kept"))[0]["n"] == 7


async def _insert_until_it_breaks(dsn: str) -> int:
    """Insert 1, 2, 3 …; returns the last number that was acknowledged."""
    acknowledged = 0
    connection = await asyncpg.connect(dsn)
    try:
        while True:
            await connection.execute("insert into written values ($1)", acknowledged + 1)
            acknowledged += 1
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        return acknowledged
    finally:
        connection.terminate()


async def _kill_under_load(server: EmbeddedServer, dsn: str) -> int:
    writer = asyncio.create_task(_insert_until_it_breaks(dsn))
    await asyncio.sleep(0.5)
    server.kill()
    return await writer


def test_kill_9_of_the_server_loses_no_acknowledged_row(server: EmbeddedServer) -> None:
    dsn = server.start()
    asyncio.run(_run(dsn, "create table written (n int primary key)"))
    acknowledged = asyncio.run(_kill_under_load(server, dsn))
    assert acknowledged > 0
    assert not server.is_running
    server.start()
    rows = asyncio.run(_run(dsn, "select count(*) as count, max(n) as last from written"))[0]
    # one more may be there: committed, but killed before it could say so
    assert rows["count"] == rows["last"]
    assert rows["last"] in {acknowledged, acknowledged + 1}


_SUPERVISOR = """
import sys, time
from pathlib import Path
from trunkline.kernel.db.cluster import buffers_mb
from trunkline.kernel.db.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


def _supervisor(home: Path) -> "tuple[subprocess.Popen[str], int]":
    process = subprocess.Popen([sys.executable, "-c", _SUPERVISOR, str(home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child that its parent died")
def test_the_server_ends_with_a_killed_supervisor(server: EmbeddedServer) -> None:
    supervisor, pid = _supervisor(server.home)
    _end(supervisor)
    deadline = time.monotonic() + 10
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_alive(pid)
    server.start()
    assert asyncio.run(_run(server.dsn, "select 1 as one"))[0]["one"] == 1


def test_a_server_left_over_from_before_is_stopped_and_its_data_kept(server: EmbeddedServer) -> None:
    dsn = server.start()
    asyncio.run(_run(dsn, "create table kept as select 7 as n"))
    server.stop()
    runner = Runner.here()
    words: list[str | Path] = [server.programs / "postgres", "-D", server.home / "pg", "-k", server.home / "run"]
    orphan = subprocess.Popen(runner.arguments(words), stderr=subprocess.DEVNULL, **runner.options())
    try:
        deadline = time.monotonic() + 20
        while not (server.home / "run" / ".s.PGSQL.5432").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        server.start()
        assert orphan.wait(10) == 0
        assert server.pid != orphan.pid
        assert asyncio.run(_run(dsn, "select n from kept"))[0]["n"] == 7
    finally:
        orphan.kill()
        orphan.wait()


def test_a_pid_file_that_names_somebody_elses_process_does_not_stop_the_start(server: EmbeddedServer) -> None:
    server.start()
    text = (server.home / "pg" / "postmaster.pid").read_text().splitlines()
    server.kill()
    # as after a restart of a container: the old number now belongs to a process that has nothing to do with it
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (server.home / "pg" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *text[1:]]) + "\n")
        server.start()
        assert server.is_running
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_second_supervisor_of_one_home_is_refused_and_the_first_goes_on(server: EmbeddedServer) -> None:
    first, pid = _supervisor(server.home)
    try:
        with pytest.raises(Conflict) as refused:
            server.start()
        assert refused.value.code == "homeInUse"
        assert f"process {first.pid}" in refused.value.reason
        assert "TRUNKLINE_HOME" in str(refused.value.message)
        assert _is_alive(pid) or not sys.platform.startswith("linux")
    finally:
        _end(first)


def test_a_home_too_long_for_a_socket_gets_a_private_folder_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 20) / ("name" * 20)
    home.mkdir(parents=True)
    server = EmbeddedServer(home)
    try:
        dsn = server.start()
        assert str(home) not in dsn
        assert asyncio.run(_run(dsn, "select 1 as one"))[0]["one"] == 1
        folder = Path(dsn.split("host=")[1].replace("%2F", "/"))
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop()
    folder.rmdir()  # empty: nothing is left behind in the temporary folder


def test_data_of_another_major_version_are_refused_untouched(server: EmbeddedServer) -> None:
    server.start()
    server.stop()
    version = server.home / "pg" / "PG_VERSION"
    version.write_text("15\n")
    with pytest.raises(Precondition) as refused:
        server.start()
    assert refused.value.code == "otherMajorVersion"
    assert "PostgreSQL 15" in refused.value.reason
    assert "backup" in str(refused.value.message)
    version.write_text(f"{major_version(server.programs)}\n")
    server.start()
    assert server.is_running


def test_a_server_that_cannot_start_says_why_with_the_end_of_its_log(server: EmbeddedServer) -> None:
    server.start()
    server.stop()
    with (server.home / "pg" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'as much as you like'\n")
    with pytest.raises(Unavailable) as refused:
        server.start()
    assert refused.value.code == "postgresDidNotStart"
    assert 'invalid value for parameter "shared_buffers"' in str(refused.value.message)
    # the home is free again: another attempt is not taken for a second supervisor
    with pytest.raises(Unavailable, match="shared_buffers"):
        server.start()


def test_an_interrupted_first_start_leaves_nothing_that_looks_like_a_cluster(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path)
    half = server.home / "pg.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    try:
        assert asyncio.run(_run(server.start(), "select 1 as one"))[0]["one"] == 1
        assert not half.exists()
    finally:
        server.stop()


def test_a_pg_bin_without_postgres_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(Unavailable, match=str(tmp_path)):
        find_programs()


@pytest.mark.skipif(os.getuid() != 0, reason="says what happens to root")
class TestAsRoot:
    def test_no_system_user_is_made_and_the_server_is_not_root_inside(self, server: EmbeddedServer) -> None:
        if not namespaces_work():
            pytest.skip("this machine refuses user namespaces")
        before = Path("/etc/passwd").read_bytes(), Path("/etc/group").read_bytes()
        server.start()
        assert (Path("/etc/passwd").read_bytes(), Path("/etc/group").read_bytes()) == before
        assert Path(f"/proc/{server.pid}/uid_map").read_text().split() == ["1000", "0", "1"]

    def test_without_namespaces_the_server_runs_as_nobody(self, open_folder: Path) -> None:
        runner = Runner.as_nobody()
        server = EmbeddedServer(open_folder / "home", runner=runner)
        try:
            dsn = server.start()
            assert Path(f"/proc/{server.pid}").stat().st_uid == runner.uid
            asyncio.run(_run(dsn, "create table kept as select 7 as n"))
            server.kill()
            server.start()
            assert asyncio.run(_run(dsn, "select n from kept"))[0]["n"] == 7
        finally:
            server.stop()

    def test_a_home_changes_hands_between_the_two_ways(self, open_folder: Path) -> None:
        if not namespaces_work():
            pytest.skip("this machine refuses user namespaces")
        for runner in (Runner.as_nobody(), Runner.in_namespace(), Runner.as_nobody()):
            server = EmbeddedServer(open_folder / "home", runner=runner)
            try:
                assert asyncio.run(_run(server.start(), "select 1 as one"))[0]["one"] == 1
            finally:
                server.stop()

    def test_a_home_that_nobody_cannot_reach_is_named(self, open_folder: Path) -> None:
        closed = open_folder / "closed"
        closed.mkdir(mode=0o700)
        with pytest.raises(Precondition, match="cannot reach") as refused:
            EmbeddedServer(closed / "home", runner=Runner.as_nobody()).start()
        assert str(closed) in refused.value.reason


@pytest.fixture
def open_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="trunkline-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_the_server_hears_no_ctrl_c_meant_for_us(server: EmbeddedServer) -> None:
    server.start()
    assert server.pid is not None
    assert os.getpgid(server.pid) != os.getpgrp()
    os.kill(server.pid, signal.SIGHUP)  # a reload; also shows that the pid is the server's
    assert asyncio.run(_run(server.dsn, "select 1 as one"))[0]["one"] == 1

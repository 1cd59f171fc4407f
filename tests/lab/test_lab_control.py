"""Starting and ending a laboratory; what it refuses; what it leaves behind, which is nothing."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab.conftest import API_PASSWORD, Laboratory
from trunkline_lab import control, enter, frr, topology
from trunkline_lab.errors import LabError, NotUp
from trunkline_lab.home import LAB, Home

INSTALL = LAB / "install.sh"


def test_the_topology_has_no_address_twice() -> None:
    addresses = [a.address for name in topology.ROUTERS for a in topology.adjacencies(name)]
    addresses += [a for router in topology.ROUTERS.values() for a in (router.loopback, router.management)]
    assert len(addresses) == len(set(addresses)) == 2 * len(topology.LINKS) + 2 * len(topology.ROUTERS)


def test_only_route_reflectors_peer_with_everyone() -> None:
    peers = {router.name: frr.render(router).count("peer-group IBGP\n") for router in topology.ROUTERS.values()}
    assert peers == {"p1": 5, "p2": 5, "pe1": 2, "pe2": 2, "bng": 2, "asbr": 2}


@pytest.mark.parametrize("path", ["/", "/srv", "/tmp/with space", '/tmp/quo"te', "/tmp/new\nline"])
def test_a_home_that_daemons_could_misread_is_refused(path: str) -> None:
    with pytest.raises(LabError, match="cannot be a laboratory's home"):
        Home.find(path)


def test_a_directory_of_someone_else_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("ten years")
    with pytest.raises(LabError, match="holds other files"):
        Home(tmp_path).remove()
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"api": "ftp://there"}, "not an address"),
        ({"api": 'http://x/"quoted'}, "not an address"),
        ({"api_user": "key-1"}, "both a user and a password"),
        ({"api_user": "key:1", "api_password": "x"}, "must not contain ':'"),
        ({"api_user": "key-1", "api_password": "50%{User-Name}"}, "FreeRADIUS would change"),
        ({"interim_seconds": 0}, "interim"),
    ],
)
def test_what_freeradius_would_misread_is_refused(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(LabError, match=message):
        control.up(home=Home(tmp_path / "home"), **arguments)  # type: ignore[arg-type] # wrong on purpose
    assert not (tmp_path / "home").exists()


def test_without_a_laboratory_there_is_advice(tmp_path: Path) -> None:
    home = Home(tmp_path / "none")
    assert control.status(home=home).state == "down"
    assert control.down(home=home) is False
    with pytest.raises(NotUp, match="trunkline lab up"):
        control.run("noc", ["true"], home=home)


def test_a_recycled_process_id_is_not_taken_for_a_laboratory(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    home.holder_file.write_text(json.dumps({"pid": os.getpid(), "start_ticks": 1}))
    assert control.status(home=home).state == "down"
    control.down(home=home)
    assert not home.root.exists()


@pytest.mark.lab
def test_a_second_up_in_the_same_home_is_refused(laboratory: Laboratory) -> None:
    with pytest.raises(LabError, match="is up in"):
        control.up(home=laboratory.home)
    assert control.status(home=laboratory.home).state == "up"


@pytest.mark.lab
def test_a_daemon_that_does_not_start_is_named_and_nothing_stays(
    laboratory: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bin" / "freeradius"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho no luck today\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")
    home = Home(tmp_path / "home")
    with pytest.raises(LabError, match=r"Did not start: noc\."):
        control.up(home=home)
    assert control.status(home=home).state == "down"
    assert "no luck today" in (home.node("noc") / "freeradius.out").read_text()
    assert not home.operator_key.exists()
    assert not (home.node("noc") / "api.conf").exists()


@pytest.mark.lab
def test_the_api_password_is_in_one_file_only(laboratory: Laboratory) -> None:
    secret = API_PASSWORD.encode()
    holders = [path for path in laboratory.home.root.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert holders == [laboratory.home.node("noc") / "api.conf"]
    assert holders[0].stat().st_mode & 0o777 == 0o600
    assert laboratory.home.root.stat().st_mode & 0o077 == 0
    for process in processes_of(laboratory.home):
        for name in ("cmdline", "environ"):
            assert secret not in (Path("/proc") / str(process) / name).read_bytes()


@pytest.mark.lab
def test_a_second_laboratory_comes_and_goes_without_a_trace(laboratory: Laboratory, tmp_path: Path) -> None:
    home = Home(tmp_path / "second")
    before = host_view()
    lab = [sys.executable, "-m", "trunkline_lab.cli", "--home", str(home.root)]
    begun = time.monotonic()
    # Captured output: were a daemon to keep the pipe, this would wait for ever.
    up = subprocess.run([*lab, "up", "--no-wait"], capture_output=True, text=True, timeout=60, check=True)
    assert "all daemons started" in up.stdout
    assert time.monotonic() - begun < 30
    shown = subprocess.run([*lab, "status", "--json"], capture_output=True, text=True, timeout=20, check=True)
    status = json.loads(shown.stdout)
    assert status["state"] == "up"
    said = subprocess.run([*lab, "exec", "p1", "hostname"], capture_output=True, text=True, timeout=20, check=True)
    assert said.stdout == "p1\n"
    processes = processes_of(home)
    assert len(processes) == status["processes"] > 60
    namespace = pid_namespace(status["pid"])

    down = subprocess.run([*lab, "down"], capture_output=True, text=True, timeout=20, check=True)
    assert down.stdout == "down\n"
    assert [pid for pid in processes if pid_namespace(pid) == namespace] == []
    assert not home.root.exists()
    assert host_view() == before
    assert control.run("p1", ["hostname"], home=laboratory.home).stdout == "p1\n"


@pytest.mark.lab
def test_install_has_nothing_to_do_in_under_a_second(laboratory: Laboratory) -> None:
    begun = time.monotonic()
    done = subprocess.run(["bash", str(INSTALL)], capture_output=True, text=True, timeout=60, check=True)
    assert "are installed" in done.stdout
    assert time.monotonic() - begun < 1


@pytest.mark.lab
def test_install_refuses_politely_without_root(laboratory: Laboratory) -> None:
    script = INSTALL.read_text()
    done = subprocess.run(
        ["bash", "-s"], input=script, capture_output=True, text=True, user=65534, timeout=20, check=False
    )
    assert done.returncode == 2
    assert "needs root" in done.stderr


def pid_namespace(pid: int) -> str:
    """The pid namespace of a process; empty when it has ended."""
    try:
        return str((Path("/proc") / str(pid) / "ns" / "pid").readlink())
    except OSError:
        return ""


def processes_of(home: Home) -> list[int]:
    own = pid_namespace(enter.pid(home))
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [number for number in numbers if pid_namespace(number) == own]


def host_view() -> tuple[str, str, str]:
    """Interfaces, named namespaces and mounts of the host."""
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    names = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    return links, names, Path("/proc/self/mounts").read_text()

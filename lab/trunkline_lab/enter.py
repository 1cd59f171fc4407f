"""Ways into a running laboratory: run a command on a node, speak to a router by SSH, open a socket there."""

import contextlib
import ctypes
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from trunkline_lab import topology
from trunkline_lab.errors import LabError, NotUp
from trunkline_lab.home import Home

_CLONE_NEWNET = 0x40000000


def holder_pid(home: Home | None = None) -> int | None:
    """The host's process id of the process that owns the namespaces, or None when there is none.

    A recycled process id is told apart by its start time.
    """
    home = home or Home.find()
    try:
        record = json.loads(home.holder_file.read_text())
        if start_ticks(record["pid"]) == record["start_ticks"]:
            return int(record["pid"])
    except (OSError, ValueError, KeyError):
        return None
    return None


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5), field 22); None for a zombie or no process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def pid(home: Home | None = None) -> int:
    """The host's process id of the laboratory's process 1. Raises NotUp."""
    home = home or Home.find()
    holder = holder_pid(home)
    try:
        children = Path(f"/proc/{holder}/task/{holder}/children").read_text().split() if holder else []
    except OSError:
        children = []
    if not children:
        raise NotUp(f"No laboratory is up in {home.root}.", "Start it with: trunkline lab up")
    return int(children[0])


def command(node: str, argv: Sequence[str], *, home: Home | None = None) -> list[str]:
    """The command line that runs `argv` on `node` (or in the `noc`, where it keeps the caller's working directory).

    The process belongs to the laboratory: `down` ends it. Raises NotUp, and LabError for an unknown node.
    """
    home = home or Home.find()
    inner = pid(home)
    if node not in ("noc", *topology.NODES):
        raise LabError(f"There is no node {node!r}.", f"Nodes: noc, {', '.join(topology.NODES)}.")
    enter = ["nsenter", "-t", str(inner), "-n", "-m", "-p"]
    # Tools must neither look for MIB files Debian lacks nor leave histories and state outside the home.
    quiet = ["env", "MIBS=", "VTYSH_HISTFILE=/dev/null", f"SNMP_PERSISTENT_DIR={home.node('noc')}/snmp-state"]
    if node == "noc":
        return [*enter, f"--wdns={Path.cwd()}", "--", *quiet, *argv]
    try:
        anchor = (home.node(node) / "anchor.pid").read_text().strip()
    except OSError:
        raise LabError(f"{node} has not started.", f"See {home.node(node) / 'start.log'}.") from None
    return [*enter, "--", "nsenter", "-t", anchor, "-n", "-m", "-u", "--", *quiet, *argv]


def run(
    node: str,
    argv: Sequence[str],
    *,
    home: Home | None = None,
    stdin: str = "",
    timeout: float = 60,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a command on a node and return what it said.

    `timeout` is in seconds. Raises NotUp, and LabError when the command takes longer or, with `check`, fails.
    """
    full = command(node, argv, home=home)
    try:
        done = subprocess.run(full, input=stdin, text=True, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise LabError(f"{argv[0]} on {node} gave no answer within {timeout:g} s.") from None
    if check and done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-600:]
        raise LabError(f"{argv[0]} on {node} failed with {done.returncode}: {said}")
    return done


def start(
    node: str, argv: Sequence[str], *, home: Home | None = None, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a long-running command on a node; its output goes to `log`, or nowhere. Raises NotUp."""
    with (log or Path(os.devnull)).open("wb") as output:
        return subprocess.Popen(
            command(node, argv, home=home),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def ssh(router: str, line: str, *, home: Home | None = None, stdin: str = "", timeout: float = 30) -> str:
    """Say one line to a router's SSH shell, from the NOC, as an operator would; returns its output.

    See `lab/router-shell` for the verbs. Raises NotUp, and LabError when the router refuses.
    """
    home = home or Home.find()
    if router not in topology.ROUTERS:
        raise LabError(f"There is no router {router!r}.", f"Routers: {', '.join(topology.ROUTERS)}.")
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "ConnectTimeout=5"]
    argv = ["ssh", "-q", "-i", str(home.operator_key)]
    argv += [word for option in options for word in ("-o", option)]
    argv += [f"root@{topology.ROUTERS[router].management}", line]
    return run("noc", argv, home=home, stdin=stdin, timeout=timeout).stdout


def open_socket(
    node: str = "noc",
    family: socket.AddressFamily = socket.AF_INET,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    *,
    home: Home | None = None,
) -> socket.socket:
    """A socket of this process that lives in a node's network.

    A process outside can so serve an address inside, or speak to it, without entering the laboratory itself:
    bind and listen on it, hand it to a web server, or send CoA requests from it. Raises NotUp or LabError.
    """
    place = _network(node, home)
    opened: list[socket.socket] = []
    failed: list[OSError] = []

    def make() -> None:
        # A network namespace is a property of a thread: this one enters, makes the socket, and ends.
        try:
            _enter_network(place)
            opened.append(socket.socket(family, kind))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not opened:
        raise LabError(f"Cannot open a socket on {node}: {failed[0]}.", "The laboratory needs root.")
    return opened[0]


@contextlib.contextmanager
def inside(node: str = "noc", *, home: Home | None = None) -> Iterator[None]:
    """Let the calling thread, and what it starts meanwhile (threads, processes), live in a node's network.

    Only the network changes: files, processes and users stay the host's. A socket keeps the network it was made in.
    Raises NotUp or LabError.
    """
    place = _network(node, home)
    before = os.open(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            _enter_network(place)
        except OSError as error:
            raise LabError(f"Cannot enter {node}: {error}.", "The laboratory needs root.") from error
        try:
            yield
        finally:
            _set_network(before)
    finally:
        os.close(before)


def _network(node: str, home: Home | None) -> str:
    """The file that names a node's network namespace. Raises NotUp."""
    inner = pid(home)
    return f"/proc/{inner}/ns/net" if node == "noc" else f"/proc/{inner}/root/run/netns/{node}"


def _enter_network(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _set_network(descriptor)
    finally:
        os.close(descriptor)


def _set_network(descriptor: int) -> None:
    library: Any = ctypes.CDLL(None, use_errno=True)  # the C library has no types
    if library.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def missing_programs(find: Callable[[str], str | None] = shutil.which) -> list[str]:
    """Names of programs the laboratory needs and this machine lacks."""
    wanted = [
        *("ip", "unshare", "nsenter", "freeradius", "radclient", "vtysh", "snmpd", "snmpget", "lldpd", "rsyslogd"),
        *("sshd", "ssh", "swanctl", "kea-dhcp4", "kea-ctrl-agent", "udhcpc", "softflowd", "iperf3", "openssl"),
    ]
    files = ("/usr/lib/frr/zebra", "/usr/lib/ipsec/charon", "/usr/lib/freeradius/rlm_rest.so")
    return [name for name in wanted if find(name) is None] + [name for name in files if not Path(name).exists()]

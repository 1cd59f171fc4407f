"""Start, stop and look at a laboratory. `run`, `ssh`, `start`, `inside` and `open_socket` come from
`trunkline_lab.enter`, `set_api` from `trunkline_lab.upstream`."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from trunkline_lab import topology
from trunkline_lab.enter import holder_pid, inside, missing_programs, open_socket, pid, run, ssh, start, start_ticks
from trunkline_lab.errors import LabError, NotUp
from trunkline_lab.home import LAB, Home
from trunkline_lab.templates import place
from trunkline_lab.upstream import DEFAULT_API, credentials, set_api

__all__ = [
    "DEFAULT_API",
    "Status",
    "down",
    "inside",
    "open_socket",
    "pid",
    "run",
    "set_api",
    "ssh",
    "start",
    "status",
    "up",
    "wait_for_routes",
]

START_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a laboratory offers, and how it is."""

    state: str  # "up", "starting" or "down"
    home: str
    api: str = ""
    pid: int | None = None
    timings: dict[str, float] = field(default_factory=dict)  # seconds since the start
    failed: list[str] = field(default_factory=list)  # nodes whose daemons did not all start
    processes: int = 0
    memory_octets: int = 0  # resident sets, summed: pages shared by processes count more than once
    ssh_key: str = ""  # opens root@<management address> on every router
    routers: dict[str, str] = field(default_factory=dict)  # name: management address
    hosts: list[str] = field(default_factory=list)
    coa: str = ""  # address:port for RADIUS CoA and Disconnect (RFC 5176)
    radius_secret_file: str = ""
    kea: str = ""  # the DHCP server's REST address
    accounting_detail: str = ""  # every accounting request FreeRADIUS saw

    def to_dict(self) -> dict[str, Any]:
        """The status as plain data."""
        return asdict(self)


def up(
    *,
    home: Home | None = None,
    api: str = DEFAULT_API,
    api_user: str | None = None,
    api_password: str | None = None,
    interim_seconds: int = 5,
    wait: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Status:
    """Start a laboratory and return once its daemons run and, with `wait`, its routing has converged.

    `api` is the address FreeRADIUS asks, as seen from the NOC; with `api_user` it shows `api_password` by
    HTTP basic authentication. `interim_seconds` is the gap between interim accounting records.
    Raises LabError when this machine cannot run it, one is up already, or a daemon fails to start.
    """
    home = home or Home.find()
    tell = progress or (lambda _line: None)
    shown = credentials(api, api_user, api_password)
    if not 1 <= interim_seconds <= 86400:
        raise LabError("The interim accounting interval must be from 1 to 86400 seconds.")
    _check_machine()
    if holder_pid(home):
        raise LabError(f"A laboratory is up in {home.root}.", "Use it, or end it with: trunkline lab down")
    home.create()
    home.node("noc").mkdir(mode=0o700)
    place("api.conf", home.node("noc") / "api.conf", home, 0o600, **shown)
    home.settings_file.write_text(json.dumps({"api": api.rstrip("/"), "interim_seconds": interim_seconds}))
    home.progress_file.touch()
    tell(f"home: {home.root}")
    holder = _start_holder(home)
    try:
        _wait_until_ready(home, holder, tell)
        if wait:
            tell(f"routing converged {wait_for_routes(home=home):.1f} s after the daemons")
    except BaseException:
        # Half a laboratory helps nobody; its logs may.
        down(home=home, keep_logs=True)
        raise
    return status(home=home)


def down(*, home: Home | None = None, keep_logs: bool = False) -> bool:
    """End a laboratory: all its processes, namespaces and files. Returns whether one was running.

    With `keep_logs` the home stays, without keys and credentials. Raises LabError if the kernel does not let go.
    """
    home = home or Home.find()
    holder = holder_pid(home)
    if holder:
        with contextlib.suppress(NotUp, ProcessLookupError):
            os.kill(pid(home), signal.SIGKILL)  # process 1 of the namespace: the kernel ends all the others
        deadline = time.monotonic() + 15
        while start_ticks(holder) is not None:
            if time.monotonic() > deadline:
                raise LabError(f"Process {holder} does not end.", "Look at it with: ps -o pid,stat,wchan:30,args")
            time.sleep(0.02)
    if home.root.exists():
        if keep_logs:
            home.remove_secrets()
            home.holder_file.unlink(missing_ok=True)
        else:
            home.remove()
    return holder is not None


def status(*, home: Home | None = None) -> Status:
    """How the laboratory in `home` is."""
    home = home or Home.find()
    if not holder_pid(home):
        return Status(state="down", home=str(home.root))
    try:
        inner = pid(home)
    except NotUp:
        return Status(state="starting", home=str(home.root))
    ready = json.loads(home.ready_file.read_text()) if home.ready_file.exists() else None
    processes, memory = _processes(inner)
    bng = topology.ROUTERS["bng"].management
    return Status(
        state="up" if ready else "starting",
        home=str(home.root),
        api=json.loads(home.settings_file.read_text())["api"],
        pid=inner,
        timings=ready["timings"] if ready else {},
        failed=ready["failed"] if ready else [],
        processes=processes,
        memory_octets=memory,
        ssh_key=str(home.operator_key),
        routers={router.name: router.management for router in topology.ROUTERS.values()},
        hosts=list(topology.HOSTS),
        coa=f"{bng}:{topology.COA_PORT}",
        radius_secret_file=str(home.node("noc") / "secret"),
        kea=f"http://{bng}:8000/",
        accounting_detail=str(home.node("noc") / "detail"),
    )


def wait_for_routes(*, home: Home | None = None, timeout: float = 30) -> float:
    """Wait until each router has a route to every other's loopback, and homes and the content server know of each other by
    BGP; returns the seconds it took.

    Raises LabError after `timeout` seconds.
    """
    begun = time.monotonic()
    loopbacks = {name: f"{router.loopback}/32" for name, router in topology.ROUTERS.items()}
    wanted = [(node, prefix, "") for node in loopbacks for name, prefix in loopbacks.items() if name != node]
    wanted += [("bng", topology.INTERNET, "bgp"), ("asbr", topology.SUBSCRIBERS, "bgp")]
    while wanted:
        node, prefix, protocol = wanted[0]
        answer = run(node, ["vtysh", "-c", f"show ip route {prefix} json"], home=home, check=False).stdout
        said = answer.replace(" ", "")
        if f'"protocol":"{protocol}' in said and '"installed":true' in said:
            wanted.pop(0)
        elif time.monotonic() - begun > timeout:
            raise LabError(
                f"Routing did not converge in {timeout:g} s: {node} has no route to {prefix}.",
                f"Look at it with: trunkline lab exec {node} vtysh -c 'show ip bgp summary'",
            )
        else:
            time.sleep(0.1)
    return time.monotonic() - begun


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise LabError("The laboratory needs root: it makes namespaces and runs routing daemons.", "Use sudo.")
    missing = missing_programs()
    if missing:
        raise LabError(f"Not installed: {', '.join(missing)}.", "Install with: trunkline lab install")
    if not Path("/dev/net/tun").exists():
        raise LabError("/dev/net/tun is missing.", "Load the tun module, or give the container the device.")


def _start_holder(home: Home) -> int:
    """Start the process that owns the namespaces; returns its process id.

    It is nobody's child (the shell between ends at once), holds none of the caller's pipes and outlives the caller.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    started = subprocess.run(
        [
            *("sh", "-c", 'log=$1; shift; "$@" </dev/null >"$log" 2>&1 & echo $!', "sh", str(home.log_file)),
            *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
            *("--propagation", "private", sys.executable, "-m", "trunkline_lab.holder", str(home.root)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
        env={**kept, "PYTHONPATH": str(LAB), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    holder = int(started.stdout)
    home.holder_file.write_text(json.dumps({"pid": holder, "start_ticks": start_ticks(holder)}))
    return holder


def _wait_until_ready(home: Home, holder: int, tell: Callable[[str], None]) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    told = 0
    while True:
        ready = home.ready_file.exists()
        lines = home.progress_file.read_text().splitlines()
        for line in lines[told:]:
            tell(line)
        told = len(lines)
        if ready:
            break
        if start_ticks(holder) is None:
            raise LabError(f"The laboratory ended while starting: {home.log_file.read_text().strip()[-600:]}")
        if time.monotonic() > deadline:
            raise LabError(f"The laboratory did not start in {START_SECONDS_MAX:g} s.", f"See {home.root}.")
        time.sleep(0.05)
    failed = json.loads(home.ready_file.read_text())["failed"]
    if failed:
        raise LabError(f"Did not start: {', '.join(failed)}.", f"See {home.root}/<node>/start.log and freeradius.out.")


def _processes(inner: int) -> tuple[int, int]:
    """Number and summed resident octets of the processes in the laboratory's pid namespace."""
    page = os.sysconf("SC_PAGE_SIZE")
    own = Path(f"/proc/{inner}/ns/pid").readlink()
    count = octets = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if (entry / "ns" / "pid").readlink() == own:
                octets += int((entry / "statm").read_text().split()[1]) * page
                count += 1
    return count, octets

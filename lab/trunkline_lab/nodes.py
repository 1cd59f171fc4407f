"""Routers, hosts and the NOC's servers: their files, and their start. Runs inside the laboratory."""

import os
import shlex
import subprocess
import time
from pathlib import Path

from trunkline_lab import frr, pki, topology
from trunkline_lab.errors import LabError
from trunkline_lab.home import Home
from trunkline_lab.templates import place, write
from trunkline_lab.topology import Router


def start_router(home: Home, router: Router, *, interim_seconds: int) -> subprocess.Popen[bytes]:
    """Write the router's files and start its daemons in its own namespaces.

    The returned process ends with 0 once they run; its output is in the node's start.log.
    """
    directory = home.node(router.name)
    for name in ("frr", "snmp-state"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    write(directory / "frr" / "frr.conf", frr.render(router))
    write(directory / "frr" / "vtysh.conf", "service integrated-vtysh-config\n")
    for name in ("snmpd.conf", "sshd_config", "rsyslog.conf"):
        place(name, directory / name, home, NODE=router.name, ADDRESS=router.management)
    subprocess.run(["chown", "-R", "frr:frr", str(directory / "frr")], check=True)
    extra = []
    if router.name == "bng":
        extra += _access(home, router, interim_seconds)
    if router.netflow_port:
        extra.append(_softflowd(router.netflow_port))
    return _start(home, router.name, "router-start.sh", extra)


def start_host(home: Home, name: str) -> subprocess.Popen[bytes]:
    """Start a host: a home gateway waits to be used, the content server serves speed tests."""
    directory = home.node(name)
    directory.mkdir(exist_ok=True)
    extra = []
    if name == "inet":
        extra = [
            f"setsid iperf3 -s -p {port} </dev/null >{shlex.quote(str(directory))}/iperf3-{port}.log 2>&1 &"
            for port in topology.SPEED_TEST_PORTS.values()
        ]
    return _start(home, name, "host-start.sh", extra)


def place_radius(home: Home, api: str) -> None:
    """Write FreeRADIUS' configuration; the credentials in `api.conf` are written by `up`."""
    directory = home.node("noc")
    place("radiusd.conf", directory / "radiusd.conf", home, 0o600, API=api)
    # radclient takes the shared secret from a file: process arguments are public.
    write(directory / "secret", topology.RADIUS_SECRET + "\n", 0o600)


def start_radius(home: Home) -> subprocess.Popen[bytes]:
    """Start FreeRADIUS in the NOC, as a child of the caller."""
    directory = home.node("noc")
    with (directory / "freeradius.out").open("wb") as output:
        process = subprocess.Popen(
            ["freeradius", "-d", str(directory), "-n", "radiusd", "-f"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    write(directory / "freeradius.pid", f"{process.pid}\n")
    return process


def radius_answers(home: Home, timeout: float = 10) -> bool:
    """Whether FreeRADIUS answers a Status-Server request (RFC 5997) within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    argv = ["radclient", "-r", "1", "-t", "1", "-S", str(home.node("noc") / "secret"), "127.0.0.1:1812", "status"]
    while time.monotonic() < deadline:
        done = subprocess.run(argv, input=b"Message-Authenticator = 0x00\n", capture_output=True, check=False)
        if b"Access-Accept" in done.stdout:
            return True
        time.sleep(0.1)
    return False


def _access(home: Home, router: Router, interim_seconds: int) -> list[str]:
    """The access gateway's files; returns the lines that start its servers."""
    directory = home.node(router.name)
    for name in ("qos.d", "live"):
        (directory / name).mkdir(exist_ok=True)
    for name in ("updown", "qos", "access-start.sh", "kea-start.sh"):
        place(name, directory / name, home, 0o755)
    for name in ("kea-dhcp4.json", "kea-ctrl-agent.json"):
        place(name, directory / name, home, ADDRESS=router.management, KEA_HOOKS=_kea_hooks())
    place(
        *("strongswan-bng.conf", directory / "strongswan.conf", home, 0o600),
        NODE=router.name,
        ADDRESS=router.management,
        INTERIM=interim_seconds,
    )
    place("swanctl-bng.conf", directory / "swanctl" / "swanctl.conf", home, 0o600)
    pki.make_gateway_certificate(home, directory / "swanctl")
    ready = "for _ in $(seq 200); do [ -S /run/kea/kea4.sock ] && break; sleep 0.05; done; [ -S /run/kea/kea4.sock ]"
    return [f". {directory}/kea-start.sh", f"{directory}/access-start.sh", ready]


def _kea_hooks() -> Path:
    for path in sorted(Path("/usr/lib").glob("*/kea/hooks")):
        return path
    raise LabError("Kea's hook libraries are not installed.", "Run lab/install.sh.")


def _softflowd(port: str) -> str:
    # softflowd needs its (empty) chroot directory, or it ends silently after forking.
    collector = f"{topology.MANAGEMENT}.1:{topology.NETFLOW_PORT}"
    return (
        f"softflowd -i {port} -n {collector} -v 9 -t expint=5 -t maxlife=10"
        " -p /run/softflowd.pid -c /run/softflowd.ctl -A milli"
    )


def _start(home: Home, name: str, script: str, extra: list[str]) -> subprocess.Popen[bytes]:
    directory = home.node(name)
    place(script, directory / "start.sh", home, 0o755, NODE=name, EXTRA="\n".join(extra))
    with (directory / "start.log").open("wb") as output:
        return subprocess.Popen(
            ["ip", "netns", "exec", name, "unshare", "--uts", "bash", str(directory / "start.sh")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        )

"""The routers of the laboratory: routes, SNMP, SSH, traps and syslog."""

import re
import socket
import subprocess
import time

import pytest

from tests.lab.conftest import Laboratory
from trunkline_lab import control, topology
from trunkline_lab.errors import LabError

pytestmark = pytest.mark.lab

SNMP_V3 = ["-v3", "-l", "authPriv", "-u", topology.SNMP_USER, "-a", "SHA", "-x", "AES"]
SNMP_V3 += ["-A", topology.SNMP_PASSWORD, "-X", topology.SNMP_PASSWORD]
SYS_NAME, IF_NAME = ".1.3.6.1.2.1.1.5.0", ".1.3.6.1.2.1.31.1.1.1.1"
OSPF_NEIGHBOUR = ".1.3.6.1.2.1.14.10.1.3"
LINK_DOWN = bytes.fromhex("2b06010603010105") + b"\x03"  # 1.3.6.1.6.3.1.1.5.3 in BER


def test_it_is_up_in_half_a_minute(laboratory: Laboratory) -> None:
    assert laboratory.up_seconds < 30
    assert laboratory.status.state == "up"
    assert laboratory.status.failed == []
    assert laboratory.status.processes > 60


def test_every_router_reaches_every_loopback(laboratory: Laboratory) -> None:
    loopbacks = [router.loopback for router in topology.ROUTERS.values()]
    for name in topology.ROUTERS:
        # One answer within ten seconds: on a busy machine the first probe may be lost while neighbours are looked up.
        line = " && ".join(f"ping -q -c 1 -w 10 {address}" for address in loopbacks)
        control.run(name, ["bash", "-c", line], home=laboratory.home)


def test_bgp_carries_subscribers_and_the_internet_across_the_core(laboratory: Laboratory) -> None:
    control.wait_for_routes(home=laboratory.home, timeout=1)
    done = control.run("inet", ["ping", "-q", "-c", "2", "-i", "0.2", "10.0.0.13"], home=laboratory.home, check=False)
    # The core has no route back to the content server except by BGP, on the access router.
    assert " 0% packet loss" in done.stdout


@pytest.mark.parametrize("name", list(topology.ROUTERS))
def test_snmp_v3_names_router_and_ports(laboratory: Laboratory, name: str) -> None:
    address = topology.ROUTERS[name].management
    walk = ["snmpwalk", *SNMP_V3, "-Oqvn", address]
    said = control.run("noc", [*walk, SYS_NAME], home=laboratory.home).stdout
    assert said.strip() == f'"{name}"' or said.strip() == name
    ports = set(re.findall(r"[\w-]+", control.run("noc", [*walk, IF_NAME], home=laboratory.home).stdout))
    assert {adjacency.interface for adjacency in topology.adjacencies(name)} <= ports
    assert {edge.port for edge in topology.EDGES if edge.router == name} <= ports


def test_snmp_v2c_shows_the_routing_daemons_through_agentx(laboratory: Laboratory) -> None:
    walk = ["snmpwalk", "-v2c", "-c", topology.SNMP_COMMUNITY, "-Oqvn", topology.ROUTERS["bng"].management]
    said = control.run("noc", [*walk, OSPF_NEIGHBOUR], home=laboratory.home).stdout.split()
    assert sorted(said) == [topology.ROUTERS["p1"].loopback, topology.ROUTERS["p2"].loopback]


def test_an_operator_merges_and_rolls_back_by_ssh(laboratory: Laboratory) -> None:
    home = laboratory.home
    assert "FRRouting" in control.ssh("pe2", "show version", home=home)
    control.ssh("pe2", "config merge", stdin="ip route 198.51.100.0/24 blackhole\n", home=home)
    assert "198.51.100.0/24" in control.ssh("pe2", "show ip route static", home=home)
    control.ssh("pe2", "config rollback", home=home)
    assert "198.51.100.0/24" not in control.ssh("pe2", "show ip route static", home=home)
    with pytest.raises(LabError, match="failed"):
        control.ssh("pe2", "config merge", stdin="router nonsense\n", home=home)


def test_a_cut_core_link_is_told_by_trap_and_syslog_and_routed_around(laboratory: Laboratory) -> None:
    home = laboratory.home
    noc = f"{topology.MANAGEMENT}.1"
    with (
        control.open_socket("noc", kind=socket.SOCK_DGRAM, home=home) as traps,
        control.open_socket("noc", kind=socket.SOCK_DGRAM, home=home) as syslog,
    ):
        traps.bind((noc, topology.TRAP_PORT))
        syslog.bind((noc, topology.SYSLOG_PORT))
        control.run("pe1", ["ip", "link", "set", "to-p1", "down"], home=home)
        try:
            assert wait_for_datagram(traps, LINK_DOWN)
            assert wait_for_datagram(syslog, b" pe1 frr ", b"AdjChg")
            control.run("pe1", ["ping", "-q", "-c", "1", "-w", "10", "10.0.0.12"], home=home)
        finally:
            control.run("pe1", ["ip", "link", "set", "to-p1", "up"], home=home)


def test_unknown_nodes_are_named(laboratory: Laboratory) -> None:
    with pytest.raises(LabError, match="no node 'pe9'"):
        control.run("pe9", ["true"], home=laboratory.home)
    with pytest.raises(LabError, match="no answer within"):
        control.run("p1", ["sleep", "5"], timeout=0.5, home=laboratory.home)


def test_a_node_has_its_own_name_and_network(laboratory: Laboratory) -> None:
    assert control.run("ca1", ["hostname"], home=laboratory.home).stdout == "ca1\n"
    outside = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert "to-p1" not in outside
    assert "mgmt" not in outside


def wait_for_datagram(listener: socket.socket, *wanted: bytes, seconds: float = 10) -> bytes:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        listener.settimeout(left)
        datagram = listener.recv(9000)
        if all(part in datagram for part in wanted):
            return datagram
    raise AssertionError(f"{wanted!r} did not come in {seconds} s")

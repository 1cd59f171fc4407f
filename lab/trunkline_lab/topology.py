"""The network as data: who exists, which cables run where, which address is whose. No effects."""

from dataclasses import dataclass

MANAGEMENT = "10.255.0"  # the NOC is .1, a router is .<its number>
AUTONOMOUS_SYSTEM = 65001
SUBSCRIBERS = "100.64.1.0/24"  # addresses the platform hands out to sessions
INTERNET = "203.0.113.0/24"  # where the content server lives
ACCESS_GATEWAY = "10.64.0.1"  # the access network is 10.64.0.0/24
CONTENT_SERVER = "203.0.113.10"

SNMP_COMMUNITY = "labro"
SNMP_USER = "labv3"  # authPriv, SHA and AES, one password for both
SNMP_PASSWORD = "labv3-auth-pass"  # noqa: S105 - known by design: the network it opens is private to one process
RADIUS_SECRET = "labsecret"  # noqa: S105 - as above
COA_PORT = 3799
SYSLOG_PORT = 1514
TRAP_PORT = 1162
NETFLOW_PORT = 2055


@dataclass(frozen=True, slots=True)
class Router:
    """A router; loopback 10.0.0.<number>, management address 10.255.0.<number>."""

    name: str
    number: int
    route_reflector: bool = False
    netflow_port: str | None = None

    @property
    def loopback(self) -> str:
        """The router's loopback address."""
        return f"10.0.0.{self.number}"

    @property
    def management(self) -> str:
        """The address SSH, SNMP and the rest of management use."""
        return f"{MANAGEMENT}.{self.number}"


@dataclass(frozen=True, slots=True)
class Link:
    """A core cable between routers, with its OSPF cost."""

    a: str
    b: str
    cost: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A cable from a router's port to a host's `eth0`."""

    router: str
    port: str
    host: str


@dataclass(frozen=True, slots=True)
class Adjacency:
    """One end of a core link, seen from a router. Subnets are 10.1.<link>.0/30, a = .1, b = .2."""

    interface: str
    address: str
    peer: str
    cost: int


ROUTERS: dict[str, Router] = {
    router.name: router
    for router in (
        Router("p1", 2, route_reflector=True),
        Router("p2", 3, route_reflector=True),
        Router("pe1", 11, netflow_port="cust1"),
        Router("pe2", 12),
        Router("bng", 13),
        Router("asbr", 21, netflow_port="ext1"),
    )
}

LINKS: tuple[Link, ...] = (
    Link("p1", "p2", 10),
    Link("pe1", "p1", 10),
    Link("pe1", "p2", 20),
    Link("pe2", "p1", 20),
    Link("pe2", "p2", 10),
    Link("bng", "p1", 10),
    Link("bng", "p2", 20),
    Link("asbr", "p1", 20),
    Link("asbr", "p2", 10),
)

EDGES: tuple[Edge, ...] = (
    Edge("pe1", "cust1", "ca1"),  # a business customer's two sites
    Edge("pe2", "cust1", "ca2"),
    Edge("bng", "acc1", "cpe1"),  # two homes on the access network
    Edge("bng", "acc2", "cpe2"),
    Edge("asbr", "ext1", "inet"),  # a content server
)

HOSTS: tuple[str, ...] = tuple(edge.host for edge in EDGES)
HOME_GATEWAYS: tuple[str, ...] = ("cpe1", "cpe2")
# One iperf3 server serves one test at a time: each home has its own port on the content server.
SPEED_TEST_PORTS: dict[str, int] = {"cpe1": 5201, "cpe2": 5202}
NODES: tuple[str, ...] = (*ROUTERS, *HOSTS)


def adjacencies(router: str) -> tuple[Adjacency, ...]:
    """The core links of a router, in the order of `LINKS`."""
    found = []
    for index, link in enumerate(LINKS):
        if router == link.a:
            found.append(Adjacency(f"to-{link.b}", f"10.1.{index}.1", link.b, link.cost))
        elif router == link.b:
            found.append(Adjacency(f"to-{link.a}", f"10.1.{index}.2", link.a, link.cost))
    return tuple(found)


def mac_address(host: str) -> str:
    """A host's fixed MAC address: a DHCP server must know its client again."""
    return f"02:00:00:00:00:{HOSTS.index(host) + 1:02x}"

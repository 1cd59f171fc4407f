"""FRR configuration of a router, rendered from the topology. Pure."""

from trunkline_lab import topology
from trunkline_lab.topology import Router


def render(router: Router) -> str:
    """The router's frr.conf: OSPF in the core, iBGP by two route reflectors, EVPN on the provider edges."""
    sections = [
        _general(router),
        *_core_interfaces(router),
        _loopback(router),
        _ospf(router),
        _bgp(router),
    ]
    if router.name == "bng":
        # Sessions come and go; the aggregate stays, so that the core sees one steady route.
        sections.append([f"ip route {topology.SUBSCRIBERS} blackhole 250"])
    return "".join("\n".join(section) + "\n!\n" for section in sections)


def _general(router: Router) -> list[str]:
    return [
        "frr version 8.4",
        "frr defaults datacenter",
        f"hostname {router.name}",
        "service integrated-vtysh-config",
        "log file /run/frr/frr.log informational",
        "agentx",
    ]


def _core_interfaces(router: Router) -> list[list[str]]:
    # One-second hellos and a short retransmission: fresh daemons otherwise take several seconds to agree.
    return [
        [
            f"interface {adjacency.interface}",
            f" description core:{adjacency.peer}",
            f" ip address {adjacency.address}/30",
            " ip ospf area 0",
            " ip ospf network point-to-point",
            f" ip ospf cost {adjacency.cost}",
            " ip ospf hello-interval 1",
            " ip ospf dead-interval 4",
            " ip ospf retransmit-interval 3",
            "exit",
        ]
        for adjacency in topology.adjacencies(router.name)
    ]


def _loopback(router: Router) -> list[str]:
    return ["interface lo", f" ip address {router.loopback}/32", " ip ospf area 0", " ip ospf passive", "exit"]


def _ospf(router: Router) -> list[str]:
    return [
        "router ospf",
        f" ospf router-id {router.loopback}",
        " log-adjacency-changes detail",
        " timers throttle spf 20 50 500",
        " timers throttle lsa all 50",
        " timers lsa min-arrival 50",
        "exit",
    ]


def _bgp(router: Router) -> list[str]:
    peers = [
        other
        for other in topology.ROUTERS.values()
        if other != router and (router.route_reflector or other.route_reflector)
    ]
    lines = [
        f"router bgp {topology.AUTONOMOUS_SYSTEM}",
        f" bgp router-id {router.loopback}",
        " bgp log-neighbor-changes",
        " no bgp default ipv4-unicast",
        " timers bgp 3 9",
        " neighbor IBGP peer-group",
        f" neighbor IBGP remote-as {topology.AUTONOMOUS_SYSTEM}",
        " neighbor IBGP update-source lo",
        " neighbor IBGP timers connect 2",
        " neighbor IBGP advertisement-interval 0",
    ]
    lines += [f" neighbor {peer.loopback} peer-group IBGP" for peer in peers]
    return [*lines, *_unicast(router), *_evpn(router), "exit"]


def _unicast(router: Router) -> list[str]:
    originated = {"bng": topology.SUBSCRIBERS, "asbr": topology.INTERNET}
    lines = [" address-family ipv4 unicast", "  neighbor IBGP activate"]
    lines.append(
        "  neighbor IBGP route-reflector-client" if router.route_reflector else "  neighbor IBGP next-hop-self"
    )
    if router.name in originated:
        lines.append(f"  network {originated[router.name]}")
    return [*lines, " exit-address-family"]


def _evpn(router: Router) -> list[str]:
    lines = [" address-family l2vpn evpn", "  neighbor IBGP activate"]
    if router.route_reflector:
        lines.append("  neighbor IBGP route-reflector-client")
    if router.name.startswith("pe"):
        lines.append("  advertise-all-vni")
    return [*lines, " exit-address-family"]

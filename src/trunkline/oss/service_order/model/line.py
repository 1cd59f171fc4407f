"""What an access line is, read from the services and resources of an order: pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.kernel.tmf import Document
from trunkline.oss.activation.contracts import AccessLine
from trunkline.oss.service_inventory.facade import characteristic


class LineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The values that drivers and AAA need, each None where the order has no such thing."""

    port: str | None = None
    vlan: int | None = None
    framed_ip: str | None = None
    profile: str | None = None
    downstream_bit_s: int | None = None
    upstream_bit_s: int | None = None


_RESOURCE_FACTS = {"port": "port", "vlan": "vlan", "ipAddress": "framed_ip", "profile": "profile"}
_CHARACTERISTIC_FACTS = {
    "profile": "profile",
    "downstreamBitrate": "downstream_bit_s",
    "upstreamBitrate": "upstream_bit_s",
}


def line_facts(chain: Sequence[tuple[Document, Sequence[Document]]]) -> LineFacts:
    """Facts of a line from its services and the resources each holds; a resource counts by its category's role.

    A resource's role is its specification's name up to the first space in lower camel case: "port", "vlan",
    "ipAddress", "profile"; others are not needed by any driver.
    """
    found: dict[str, Any] = {}
    for service, held in chain:
        for item in service.get("serviceCharacteristic", ()):
            if item.get("name") in _CHARACTERISTIC_FACTS:
                found[_CHARACTERISTIC_FACTS[item["name"]]] = item.get("value")
        for resource in held:
            fact = _RESOURCE_FACTS.get(resource.get("category", ""))
            if fact and "value" in resource:
                found[fact] = resource["value"]
    for name in ("vlan", "downstream_bit_s", "upstream_bit_s"):
        if found.get(name) is not None:
            found[name] = int(found[name])
    return LineFacts(**found)


def access_line(service_id: str, node: Document, facts: LineFacts, reported: Document) -> AccessLine:
    """The line for a driver; `node` is the access node's resource, `reported` what the technician's step brought."""
    address = characteristic(node, "managementAddress", "resourceCharacteristic")
    return AccessLine(
        line_id=service_id,
        access_node=str(node.get("name", node["id"])),
        address=None if address is None else str(address),
        port=facts.port or "",
        vlan=facts.vlan,
        serial_number=reported.get("serialNumber"),
        hardware_address=reported.get("hardwareAddress"),
        profile=facts.profile,
        downstream_bit_s=facts.downstream_bit_s,
        upstream_bit_s=facts.upstream_bit_s,
    )


def user_name_of(service_id: str) -> str:
    """The AAA user of a session service: from its id, so that repeating a step names the same user."""
    return f"line-{service_id.replace('-', '')[-12:]}"

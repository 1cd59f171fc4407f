"""Values of activation."""

from typing import Any

import msgspec


class AccessLine(msgspec.Struct, frozen=True, kw_only=True):
    """What an access driver is to bring about for one subscriber line.

    line_id            id of the access service; the driver's idempotent key
    access_node        name of the node that serves the line
    address            where the node is managed, where its driver needs one
    port               its port
    vlan               customer VLAN, where the technology has one
    serial_number      of the customer's device, where it is known
    hardware_address   MAC of the customer's device, where it is known
    profile            name of the speed profile
    downstream_bit_s   at most, in bit/s
    upstream_bit_s     at most, in bit/s
    """

    line_id: str
    access_node: str
    port: str
    address: str | None = None
    vlan: int | None = None
    serial_number: str | None = None
    hardware_address: str | None = None
    profile: str | None = None
    downstream_bit_s: int | None = None
    upstream_bit_s: int | None = None


class DeviceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the network said, kept with the step: `changed` is False when all was so already."""

    driver: str
    changed: bool
    detail: dict[str, Any] = {}

"""Access lines on a gateway whose addresses Kea gives: a host reservation for the subscriber's device.

Kea's host commands need a hook that is not free, so reservations are made in the running configuration: read it, change
the one subnet, test it, set it. The gateway's `managementAddress` is its control agent, as http://10.255.0.13:8000; a
line's port reads "<subnet id>/<interface>".
"""

from contextlib import AbstractAsyncContextManager
from typing import Any

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Conflict, Invalid, Unavailable
from trunkline.oss.activation.contracts import AccessLine, DeviceAnswer

NAME = "kea"
TIMEOUT_S = 5


class KeaAccess:
    """The access driver (`oss.activation.ports.AccessDriver`) for gateways with Kea. One change of a gateway at a time, in
    all workers: the configuration is read and set as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(self, line: AccessLine, context: Context) -> DeviceAnswer:  # noqa: ARG002  # the port's signature
        """Reserve the line's place for its device: in the place of what the device or the line had before. Raises Invalid
        without a hardware address, Unavailable, Conflict."""
        wanted = _reservation(line)
        async with self._alone(line):
            configuration, subnet = await self._read(line)
            before = subnet.get("reservations", [])
            same = [found for found in before if _key(found) == _key(wanted)]
            kept = [
                found
                for found in before
                if found.get("hw-address") != wanted["hw-address"] and found.get("hostname") != wanted["hostname"]
            ]
            changed = not same or len(kept) + len(same) != len(before)
            if changed:
                subnet["reservations"] = [*kept, wanted]
                await self._set(line, configuration)
        return DeviceAnswer(driver=NAME, changed=changed, detail={"reservation": wanted})

    async def verify(self, line: AccessLine, context: Context) -> bool:  # noqa: ARG002  # the port's signature
        """Whether the running configuration holds the reservation of this line for this device."""
        _, subnet = await self._read(line)
        return any(_key(found) == _key(_reservation(line)) for found in subnet.get("reservations", []))

    async def undo(self, line: AccessLine, context: Context) -> DeviceAnswer:  # noqa: ARG002  # the port's signature
        """Take the line's reservation away; one that another line has for the device by now stays."""
        name = _host_name(line)
        async with self._alone(line):
            configuration, subnet = await self._read(line)
            before = subnet.get("reservations", [])
            subnet["reservations"] = [found for found in before if found.get("hostname") != name]
            changed = len(subnet["reservations"]) != len(before)
            if changed:
                await self._set(line, configuration)
        return DeviceAnswer(driver=NAME, changed=changed, detail={"hostname": name})

    def _alone(self, line: AccessLine) -> AbstractAsyncContextManager[None]:
        return self._database.alone(f"kea {line.address}")

    async def _read(self, line: AccessLine) -> tuple[dict[str, Any], dict[str, Any]]:
        """The running configuration, and in it the subnet of the line."""
        answer = await self._command(line, "config-get", None)
        configuration = {"Dhcp4": answer["arguments"]["Dhcp4"]}
        for subnet in configuration["Dhcp4"]["subnet4"]:
            if str(subnet["id"]) == line.port.partition("/")[0]:
                return configuration, subnet
        raise Conflict("unknownSubnet", f"{line.access_node} has no subnet {line.port!r}.")

    async def _set(self, line: AccessLine, configuration: dict[str, Any]) -> None:
        await self._command(line, "config-test", configuration)
        await self._command(line, "config-set", configuration)

    async def _command(self, line: AccessLine, command: str, arguments: dict[str, Any] | None) -> dict[str, Any]:
        import httpx  # noqa: PLC0415  a tenth of a start, for who drives a gateway only

        body: dict[str, Any] = {"command": command, "service": ["dhcp4"]}
        if arguments is not None:
            body["arguments"] = arguments
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
                response = await client.post(str(line.address), json=body)
                response.raise_for_status()
                answer: dict[str, Any] = response.json()[0]
        except (httpx.HTTPError, ValueError, LookupError) as error:
            raise Unavailable(
                "deviceUnavailable",
                f"{line.access_node} does not answer.",
                message=f"{type(error).__name__} on {command}.",
            ) from error
        if answer.get("result") != 0:
            raise Conflict(
                "deviceRefused", f"{line.access_node} refuses {command}.", message=str(answer.get("text", ""))[:300]
            )
        return answer


def _reservation(line: AccessLine) -> dict[str, Any]:
    """The reservation of the line: hardware address and host name, which carries the line's id."""
    if not line.hardware_address:
        raise Invalid("missingHardwareAddress", "The line's device has no hardware address.", path="$.hardwareAddress")
    return {"hw-address": line.hardware_address.lower(), "hostname": _host_name(line)}


def _host_name(line: AccessLine) -> str:
    return f"line-{line.line_id.replace('-', '')[-12:]}"


def _key(reservation: dict[str, Any]) -> tuple[str | None, str | None]:
    """What a reservation is told by: Kea gives back more than was set. Other kinds may have no hardware address."""
    return reservation.get("hw-address"), reservation.get("hostname")

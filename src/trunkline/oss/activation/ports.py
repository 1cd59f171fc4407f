"""What activation needs of the network; adapters implement it."""

from typing import Protocol

from trunkline.kernel.context import Context
from trunkline.oss.activation.contracts import AccessLine, DeviceAnswer


class AccessDriver(Protocol):
    """Brings access lines about. All calls may be repeated: the same call twice leaves what one leaves.

    Raises Unavailable when the device does not answer (worth a retry) and Conflict when it refuses.
    """

    async def apply(self, line: AccessLine, context: Context) -> DeviceAnswer:
        """Configure the line."""

    async def verify(self, line: AccessLine, context: Context) -> bool:
        """Whether the network has the line as asked."""

    async def undo(self, line: AccessLine, context: Context) -> DeviceAnswer:
        """Take the line's configuration away; a line that is not there is no error."""

"""A simulated optical line terminal. Its configuration is kept in a table of its own, which only this driver knows: to
Trunkline it is as foreign as a real device."""

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Conflict
from trunkline.oss.activation.contracts import AccessLine, DeviceAnswer

NAME = "simulator"


class SimulatedAccess:
    """The access driver (`oss.activation.ports.AccessDriver`) of the simulated terminals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(self, line: AccessLine, context: Context) -> DeviceAnswer:
        """Configure the port. Raises Conflict when another line has it: a terminal refuses to configure a port twice."""
        wanted = _configuration(line)
        async with self._database.unit_of_work() as uow:
            row = await uow.fetch_row(
                """insert into simulator.line as l (tenant, access_node, port, line_id, configuration, configured_at)
                   values ($1, $2, $3, $4, $5::json, $6)
                   on conflict (tenant, access_node, port) do update
                      set configuration = excluded.configuration, configured_at = excluded.configured_at
                    where l.line_id = excluded.line_id and l.configuration::text <> excluded.configuration::text
                   returning line_id""",
                *(context.tenant, line.access_node, line.port, line.line_id, wanted, context.now),
            )
            holder = await uow.fetch_value(
                "select line_id from simulator.line where tenant = $1 and access_node = $2 and port = $3",
                *(context.tenant, line.access_node, line.port),
            )
        if holder != line.line_id:
            raise Conflict("portInUse", f"{line.access_node} refuses: port {line.port} is configured for another line.")
        return DeviceAnswer(driver=NAME, changed=row is not None, detail={"port": line.port, "state": "in service"})

    async def verify(self, line: AccessLine, context: Context) -> bool:
        """Whether the port is configured as asked."""
        async with self._database.read() as session:
            found = await session.fetch_value(
                "select configuration::text from simulator.line where tenant = $1 and access_node = $2 and port = $3 and line_id = $4",
                *(context.tenant, line.access_node, line.port, line.line_id),
            )
        return bool(found == _configuration(line))

    async def undo(self, line: AccessLine, context: Context) -> DeviceAnswer:
        """Clear the port, if this line has it."""
        async with self._database.unit_of_work() as uow:
            removed = await uow.execute(
                "delete from simulator.line where tenant = $1 and line_id = $2", context.tenant, line.line_id
            )
        return DeviceAnswer(driver=NAME, changed=removed > 0, detail={"port": line.port, "state": "free"})


def _configuration(line: AccessLine) -> str:
    return msgspec.json.encode(line).decode()

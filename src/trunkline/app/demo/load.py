"""Load the demo operator: documents in their order, then the members of pools. Loading again changes nothing."""

from importlib import resources
from typing import Any

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.tmf.document import decode
from trunkline.kernel.tmf.resource import Resource
from trunkline.oss.resource_pool.facade import add_members

FILES = ("fibre.json",)


def operator(file: str) -> dict[str, Any]:
    """The content of one of the demo operator's files."""
    content: dict[str, Any] = decode((resources.files(__package__) / file).read_bytes())
    return content


async def load(database: Database, known: dict[str, Resource[Any]], context: Context) -> int:
    """Store what is not there yet; returns how many documents are new.

    known  the registered resources by name
    """
    created = 0
    for file in FILES:
        content = operator(file)
        async with database.unit_of_work() as uow:
            for entry in content["documents"]:
                resource, document = known[entry["resource"]], entry["document"]
                if await resource.find(uow, document["id"], context) is None:
                    await resource.create(uow, document, context)
                    created += 1
            for pool_id, values in content["poolMembers"].items():
                await add_members(uow, pool_id, values, context)
    return created

"""What the steps of a service order do. Which of them an order has, the service catalog says (`provisioning`).

Actions: reserve_resources / release_resources, activate_access / deactivate_access (callouts to the network),
activate_session / deactivate_session (AAA), activate (all becomes active at one instant), fail_item (closes an item that
was taken back). `install` (manual) and `verify_session` (wait) have no code: a person and the network answer them.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta

from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, ReadSession, UnitOfWork
from trunkline.kernel.errors import Conflict, NotFound
from trunkline.kernel.ids import new_id
from trunkline.kernel.plans import StepActions, StepRun
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text
from trunkline.oss.activation import aaa
from trunkline.oss.activation.contracts import AccessLine
from trunkline.oss.activation.ports import AccessDriver
from trunkline.oss.geography.resources import geographic_sites
from trunkline.oss.resource_catalog.resources import resource_specifications
from trunkline.oss.resource_inventory.resources import resources
from trunkline.oss.resource_pool import facade as pools
from trunkline.oss.service_catalog.resources import service_specifications
from trunkline.oss.service_inventory.facade import characteristic, realizing_services
from trunkline.oss.service_inventory.resources import services
from trunkline.oss.service_order.activating import activate, results_of
from trunkline.oss.service_order.contracts import ResourceNeed
from trunkline.oss.service_order.following import FAIL_ITEM, fail_item
from trunkline.oss.service_order.model.decomposition import need_of
from trunkline.oss.service_order.model.line import access_line, line_facts, user_name_of

RESERVED_FOR = timedelta(days=60)


def register(actions: StepActions, database: Database, drivers: Mapping[str, AccessDriver]) -> None:
    """Give the worker the actions; `drivers` by the name that an access node's resource carries as `driver`."""
    actions.task("reserve_resources")(reserve_resources)
    actions.task("release_resources")(release_resources)
    actions.task("activate_session")(activate_session)
    actions.task("deactivate_session")(deactivate_session)
    actions.task("activate")(activate)
    actions.task(FAIL_ITEM)(fail_item)
    network = Network(database, drivers)
    actions.callout("activate_access")(network.activate_access)
    actions.callout("deactivate_access")(network.deactivate_access)


async def reserve_resources(uow: UnitOfWork, step: StepRun, context: Context) -> Document:
    """Take one instance of each resource that the item's services need; services become reserved."""
    root = await services.get(uow, step.input["rootServiceId"], context)
    site = await _site(uow, root, context)
    taken = {}
    for service in [root, *await realizing_services(uow, root, context)]:
        held = []
        for need in await _needs(uow, service, context):
            resource = await _take(uow, need, service, site, context)
            held.append({"@type": "ResourceRef", "id": resource["id"], "name": need.name})
            taken[need.name] = resource.get("value")
        await services.move(uow, service["id"], "reserved", context, supportingResource=held)
    return {"resources": taken, "accessNode": site.get("accessNode"), "technology": site.get("technology")}


async def release_resources(uow: UnitOfWork, step: StepRun, context: Context) -> None:
    """Give all resources of the item back; the undo of reserving."""
    root = await services.get(uow, step.input["rootServiceId"], context)
    for service in [root, *await realizing_services(uow, root, context)]:
        for reference in service.get("supportingResource", ()):
            await pools.release(uow, reference["id"], context)
            resource = await resources.get(uow, reference["id"], context)
            if resource["allocationStatus"] != "retired":
                await resources.move(
                    uow, reference["id"], "retired", context, endOperatingDate=instant_text(context.now)
                )


async def activate_session(uow: UnitOfWork, step: StepRun, context: Context) -> Document:
    """Let the subscriber in: AAA user with a new secret, address and profile."""
    root = await services.get(uow, step.input["rootServiceId"], context)
    facts = line_facts(await _with_resources(uow, root, context))
    user_name = user_name_of(step.input["serviceId"])
    await aaa.put_subscriber(
        uow,
        aaa.PutSubscriber(
            user_name=user_name,
            secret=secrets.token_urlsafe(18),
            service_id=step.input["serviceId"],
            framed_ip=facts.framed_ip,
            profile=facts.profile,
            downstream_bit_s=facts.downstream_bit_s,
            upstream_bit_s=facts.upstream_bit_s,
        ),
        context,
    )
    service = await services.get(uow, step.input["serviceId"], context)
    named = {"@type": "Characteristic", "name": "userName", "value": user_name}
    characteristics = [item for item in service.get("serviceCharacteristic", ()) if item["name"] != "userName"]
    await services.patch(uow, service["id"], {"serviceCharacteristic": [*characteristics, named]}, context)
    return {"userName": user_name, "framedIp": facts.framed_ip}


async def deactivate_session(uow: UnitOfWork, step: StepRun, context: Context) -> None:
    """Let the subscriber in no more; the undo of activate_session."""
    await aaa.remove_subscriber(uow, user_name_of(step.input["serviceId"]), context)


class Network:
    """The steps that call devices: outside any transaction, at least once, with drivers whose calls may be repeated."""

    def __init__(self, database: Database, drivers: Mapping[str, AccessDriver]) -> None:
        self._database = database
        self._drivers = drivers

    async def activate_access(self, step: StepRun, context: Context) -> Document:
        """Configure the access line on the node that serves it, and look whether it is there."""
        line, driver = await self._line(step, context)
        answer = await driver.apply(line, context)
        if not await driver.verify(line, context):
            raise Conflict("notAsAsked", f"{line.access_node} took the line but does not show it.")
        return {"driver": answer.driver, "changed": answer.changed, "answer": answer.detail}

    async def deactivate_access(self, step: StepRun, context: Context) -> Document:
        """Take the access line's configuration away; the undo of activate_access."""
        line, driver = await self._line(step, context)
        answer = await driver.undo(line, context)
        return {"driver": answer.driver, "changed": answer.changed, "answer": answer.detail}

    async def _line(self, step: StepRun, context: Context) -> tuple[AccessLine, AccessDriver]:
        async with self._database.read() as session:
            root = await services.get(session, step.input["rootServiceId"], context)
            site = await _site(session, root, context)
            facts = line_facts(await _with_resources(session, root, context))
            node = await resources.find(session, str(site.get("accessNode")), context)
        if node is None:
            raise NotFound(
                "unknownAccessNode", f"The site's access node {site.get('accessNode')} is not in the inventory."
            )
        name = str(characteristic(node, "driver", "resourceCharacteristic"))
        driver = self._drivers.get(name)
        if driver is None:
            raise NotFound("noDriver", f"No driver {name!r} for {node.get('name')}.", allowed=sorted(self._drivers))
        return access_line(step.input["serviceId"], node, facts, results_of(step)), driver


async def _needs(uow: UnitOfWork, service: Document, context: Context) -> list[ResourceNeed]:
    specification = await service_specifications.get(uow, service["serviceSpecification"]["id"], context)
    return [
        need_of(await resource_specifications.get(uow, reference["id"], context))
        for reference in specification.get("resourceSpecification", ())
    ]


async def _take(uow: UnitOfWork, need: ResourceNeed, service: Document, site: Document, context: Context) -> Document:
    """One resource for a need: from its pool, from the site's ports, a constant, or to be brought by the technician."""
    resource_id = new_id()
    pool = site.get("portPool") if need.source == "site" else need.pool
    document: Document = {
        "@type": "LogicalResource" if need.source != "field" else "PhysicalResource",
        "@baseType": "Resource",
        "id": resource_id,
        "name": need.name,
        "category": need.name,
        "allocationStatus": "reserved",
        "resourceSpecification": {"@type": "ResourceSpecificationRef", "id": need.specification_id, "name": need.name},
        "relatedService": {"@type": "ServiceRef", "id": service["id"]},
    }
    if need.source in ("pool", "site"):
        if pool is None:
            raise Conflict("noPool", f"{need.name} comes from a pool, and none is named for it.")
        member = await pools.reserve(uow, pool, resource_id, context, hold_for=RESERVED_FOR)
        document |= {"value": member.value, "pool": {"id": pool}}
    elif need.source == "constant":
        document["value"] = need.value
    return await resources.create(uow, document, context)


async def _site(session: ReadSession, root: Document, context: Context) -> Document:
    """The access that serves the service's site: the first of `servingAccess`, the planners' order of preference."""
    for place in root.get("place", ()):
        site = await geographic_sites.find(session, place.get("place", place).get("id", ""), context)
        if site and site.get("servingAccess"):
            first: Document = site["servingAccess"][0]
            return first
    raise NotFound("noAccess", "The service's place has no access network.", hint="Qualify the address first.")


async def _with_resources(
    session: ReadSession, root: Document, context: Context
) -> list[tuple[Document, list[Document]]]:
    """The item's services, each with the resources it holds."""
    found = []
    for service in [root, *await realizing_services(session, root, context)]:
        held = [
            await resources.get(session, reference["id"], context)
            for reference in service.get("supportingResource", ())
        ]
        found.append((service, held))
    return found

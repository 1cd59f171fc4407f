"""What an installation is made of: the only place that knows all domains, flows and adapters."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from trunkline.adapters.cdr_files import api as cdr_files_api
from trunkline.adapters.kea.access import KeaAccess
from trunkline.adapters.radius import api as radius_api
from trunkline.adapters.simulator.access import SimulatedAccess
from trunkline.app import clock_api, reference_page, start_page
from trunkline.app.settings import Settings
from trunkline.bss.account import resources as account
from trunkline.bss.agreement import resources as agreement
from trunkline.bss.balance import resources as balance
from trunkline.bss.billing import api as billing_api
from trunkline.bss.billing import facade as billing_facade
from trunkline.bss.billing import jobs as billing_jobs
from trunkline.bss.billing import resources as billing
from trunkline.bss.communication import resources as communication
from trunkline.bss.customer import resources as customer
from trunkline.bss.partner import resources as partner
from trunkline.bss.party import resources as party
from trunkline.bss.payment import resources as payment
from trunkline.bss.product_catalog import resources as product_catalog
from trunkline.bss.product_inventory import resources as product_inventory
from trunkline.bss.product_ordering import facade as product_ordering_facade
from trunkline.bss.product_ordering import resources as product_ordering
from trunkline.bss.qualification import api as qualification_api
from trunkline.bss.qualification import resources as qualification
from trunkline.bss.sales import resources as sales
from trunkline.bss.stock import resources as stock
from trunkline.bss.trouble_ticket import resources as trouble_ticket
from trunkline.bss.usage import api as usage_api
from trunkline.bss.usage import resources as usage
from trunkline.flows.order_to_activate import subscribers as order_to_activate
from trunkline.flows.qualify.feasibility import NetworkFeasibility
from trunkline.flows.references import crossings
from trunkline.kernel.db import Database
from trunkline.kernel.digital_identity import resources as digital_identity
from trunkline.kernel.document import resources as document
from trunkline.kernel.entity_catalog import resources as entity_catalog
from trunkline.kernel.entity_inventory import resources as entity_inventory
from trunkline.kernel.event_management import resources as event_management
from trunkline.kernel.events.event import Subscription, subscriptions_in
from trunkline.kernel.events.hub import Hub
from trunkline.kernel.events.signing import load_signer
from trunkline.kernel.events.stream import StreamLimits
from trunkline.kernel.events.streams import Streams
from trunkline.kernel.jobs import JobActions
from trunkline.kernel.jobs import api as jobs_api
from trunkline.kernel.plans import StepActions
from trunkline.kernel.plans import api as plans_api
from trunkline.kernel.policy import resources as policy
from trunkline.kernel.process_flow import resources as process_flow
from trunkline.kernel.security.api import Security
from trunkline.kernel.tmf import crossing_api
from trunkline.kernel.tmf.catalogue import by_name, served_apis
from trunkline.kernel.tmf.documents_api import document_endpoints
from trunkline.kernel.tmf.hub_router import hub_endpoints
from trunkline.kernel.tmf.mount import Alias
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.tmf.router import resource_endpoints
from trunkline.kernel.tmf.stream_router import stream_endpoint
from trunkline.kernel.transfer import api as transfer_api
from trunkline.kernel.transfer import tmf_jobs as transfer_jobs
from trunkline.kernel.web import Endpoint
from trunkline.oss.activation import resources as activation
from trunkline.oss.activation.ports import AccessDriver
from trunkline.oss.alarm import resources as alarm
from trunkline.oss.change import resources as change
from trunkline.oss.geography import resources as geography
from trunkline.oss.intent import resources as intent
from trunkline.oss.performance import resources as performance
from trunkline.oss.resource_catalog import resources as resource_catalog
from trunkline.oss.resource_inventory import resources as resource_inventory
from trunkline.oss.resource_order import resources as resource_order
from trunkline.oss.resource_pool import api as resource_pool_api
from trunkline.oss.resource_pool import facade as resource_pool_facade
from trunkline.oss.resource_pool import resources as resource_pool
from trunkline.oss.service_catalog import resources as service_catalog
from trunkline.oss.service_inventory import resources as service_inventory
from trunkline.oss.service_order import api as service_order_api
from trunkline.oss.service_order import facade as service_order_facade
from trunkline.oss.service_order import resources as service_order
from trunkline.oss.service_order import steps as service_order_steps
from trunkline.oss.service_order import subscribers as service_order_subscribers
from trunkline.oss.service_problem import resources as service_problem
from trunkline.oss.service_qualification import facade as service_qualification_facade
from trunkline.oss.service_qualification import resources as service_qualification
from trunkline.oss.service_quality import resources as service_quality
from trunkline.oss.service_test import resources as service_test
from trunkline.oss.workforce import resources as workforce

RECORDS: tuple[ModuleType, ...] = (
    *(party, customer, product_catalog, account, agreement, communication, sales, qualification),
    *(product_ordering, product_inventory, usage, balance, billing, payment, stock, trouble_ticket, partner),
    *(geography, service_catalog, resource_catalog, service_qualification, service_order, resource_order),
    *(service_inventory, resource_inventory, resource_pool, activation, alarm, service_problem),
    *(performance, service_quality, service_test, workforce, change, intent),
    *(entity_catalog, entity_inventory, document, event_management, process_flow, digital_identity, policy),
)
HOOKS: tuple[ModuleType, ...] = (
    *(product_ordering_facade, billing_facade),
    *(service_order_facade, service_qualification_facade, resource_pool_facade),
)
"""Modules whose import attaches behaviour to a resource (`prepare`, `after_create`, `before_delete`), so that none is
forgotten."""
STUBBED = crossings.declare()
"""Names of the resources of which each half keeps a stub of the other's records."""
SUBSCRIBERS: tuple[ModuleType, ...] = (order_to_activate, service_order_subscribers)


def resources() -> tuple[Resource[Any], ...]:
    """All registered resources, domain by domain in their order of definition."""
    return tuple(value for module in RECORDS for value in vars(module).values() if _is_own(value, module))


def declared() -> tuple[Resource[Any] | Alias, ...]:
    """What is served: the resources, and the further APIs that serve some of them too."""
    aliases = (value for module in RECORDS for value in vars(module).values() if isinstance(value, Alias))
    return (*resources(), *aliases)


def resources_by_name() -> dict[str, Resource[Any]]:
    """The registered resources by name."""
    return by_name(resources())


def subscriptions() -> tuple[Subscription, ...]:
    """All consumers of events."""
    return tuple(subscription for module in SUBSCRIBERS for subscription in subscriptions_in(module))


def endpoints(
    settings: Settings, security: Security, telemetry: Sequence[Endpoint] = (), streams: Streams | None = None
) -> list[Endpoint]:
    """All endpoints of the API. Those of telemetry come from the process that measures, `streams` from the one that ends
    them when it stops."""
    streams = streams or Streams(StreamLimits(streams=settings.event_streams))
    home = settings.home
    hub, signer = Hub(allow_private=settings.mode == "demo"), load_signer(home)
    served = served_apis(declared())
    own = [
        *qualification_api.endpoints(NetworkFeasibility()),
        *usage_api.endpoints(),
        *cdr_files_api.endpoints(home),
        *billing_api.endpoints(),
        *resource_pool_api.endpoints(),
        *service_order_api.endpoints(),
        *plans_api.endpoints(),
        *jobs_api.endpoints(),
        *transfer_api.endpoints(),
        *crossing_api.endpoints(),
        *security.endpoints(),
        *clock_api.endpoints(movable=settings.mode == "demo"),
    ]
    taken = {(endpoint.method, endpoint.path) for endpoint in own}
    records = [
        endpoint
        for resource in declared()
        for endpoint in resource_endpoints(resource)
        if (endpoint.method, endpoint.path) not in taken
    ]
    hubs = [endpoint for api in served for endpoint in hub_endpoints(api, hub, signer)]
    hubs += [stream_endpoint(api, streams) for api in served]
    listed = [
        *records,
        *hubs,
        *own,
        *radius_api.endpoints(home),
        *start_page.endpoints(served),
        *reference_page.endpoints(served),
        *telemetry,
    ]
    return [*listed, *document_endpoints(served, listed)]


def drivers(database: Database) -> Mapping[str, AccessDriver]:
    """Access drivers by the name that an access node carries."""
    return {"simulator": SimulatedAccess(database), "kea": KeaAccess(database)}


def step_actions(database: Database) -> StepActions:
    """What the steps of plans do."""
    actions = StepActions()
    service_order_steps.register(actions, database, drivers(database))
    return actions


def job_actions(settings: Settings) -> JobActions:
    """What jobs do."""
    actions = JobActions()
    billing_jobs.register(actions)
    cdr_files_api.register(actions, settings.home)
    transfer_jobs.register(
        actions, [domain.transfer for domain in (product_catalog, service_catalog, resource_catalog, entity_catalog)]
    )
    return actions


def _is_own(value: object, module: ModuleType) -> bool:
    """A resource that the module's own domain declares, not one it imported for a reference."""
    return isinstance(value, Resource) and module.__name__.split(".")[-2] == value.domain

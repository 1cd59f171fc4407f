"""The places where a record of one half names records of the other. Declared here, as no domain knows the other half."""

from typing import Any

from trunkline.bss.product_inventory.resources import products
from trunkline.bss.product_ordering.resources import product_orders
from trunkline.kernel.tmf.crossing import Crossing
from trunkline.kernel.tmf.resource import Resource
from trunkline.oss.change.resources import change_requests
from trunkline.oss.geography.resources import geographic_sites
from trunkline.oss.intent.resources import intents
from trunkline.oss.resource_inventory.resources import resources
from trunkline.oss.resource_order.resources import resource_orders
from trunkline.oss.service_inventory.resources import services
from trunkline.oss.service_order.resources import service_orders
from trunkline.oss.service_problem.resources import service_problems
from trunkline.oss.service_test.resources import service_tests
from trunkline.oss.workforce.resources import appointments

PARTIES = Crossing("relatedParty[*].partyOrPartyRole", to=("individual", "organization", "customer", "partyRole"))
_PLACES = ("geographicAddress", "geographicSite", "geographicLocation")
_ORDERED = "productOrderItem[*].product"

CROSSINGS: tuple[tuple[Resource[Any], tuple[Crossing, ...]], ...] = (
    *(
        (resource, (PARTIES,))
        for resource in (
            *(geographic_sites, services, resources, service_orders, resource_orders, service_problems),
            *(service_tests, appointments, change_requests, intents),
        )
    ),
    (
        products,
        (
            Crossing("realizingService[*]", to=("service",)),
            Crossing("realizingResource[*]", to=("resource",)),
            Crossing("place[*].place", to=_PLACES),
        ),
    ),
    (product_orders, (Crossing(f"{_ORDERED}.place[*].place", to=_PLACES),)),
)


def declare() -> tuple[str, ...]:
    """Tell the resources which of their references cross; returns the names of what is referred to."""
    for resource, crossings in CROSSINGS:
        resource.cross(*crossings)
    return tuple(sorted({name for _, crossings in CROSSINGS for crossing in crossings for name in crossing.to}))

"""Services (TMF638), customer-facing and resource-facing.

A CFS names its RFS in `supportingService`, an RFS its resources in `supportingResource`; the product that a CFS realises
stands in `relatedEntity` with role "product".
"""

from trunkline.kernel.tmf import LifeCycle, Resource
from trunkline.oss.service_inventory.entities import SERVICE, Service

services = Resource(
    Service,
    SERVICE,
    domain="service_inventory",
    life_cycle=LifeCycle(
        initial="feasibilityChecked",
        entry={"designed", "reserved", "inactive", "active"},
        moves={
            "feasibilityChecked": {"designed", "terminated"},
            "designed": {"reserved", "terminated"},
            "reserved": {"inactive", "active", "terminated"},
            "inactive": {"active", "terminated"},
            "active": {"inactive", "suspended", "terminated"},
            "suspended": {"active", "terminated"},
        },
    ),
    hot=("name", "startDate", "endDate"),
    index=("serviceOrderItem.serviceOrderId",),
)

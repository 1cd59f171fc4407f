"""Addresses (TMF673), sites (TMF674) and locations (TMF675).

A site that can be served says so in two attributes of ours: `servingAccess`, a list of {technology, accessNode (id of a
resource), portPool (id of a resource pool), downstreamMax and upstreamMax in bit/s, opticalBudget in dB where optical}.
"""

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.tmf import Document, LifeCycle, Resource
from trunkline.oss.geography.entities import (
    GEOGRAPHIC_ADDRESS,
    GEOGRAPHIC_ADDRESS_VALIDATION,
    GEOGRAPHIC_LOCATION,
    GEOGRAPHIC_SITE,
    GEOGRAPHIC_SUB_ADDRESS,
    GeographicAddress,
    GeographicAddressValidation,
    GeographicLocation,
    GeographicSite,
    GeographicSubAddress,
)

geographic_addresses = Resource(
    GeographicAddress,
    GEOGRAPHIC_ADDRESS,
    domain="geography",
    hot=("postcode", "city", "streetName", "streetNr"),
    operations=("create", "list", "retrieve", "patch", "delete"),
)
geographic_sites = Resource(
    GeographicSite,
    GEOGRAPHIC_SITE,
    domain="geography",
    life_cycle=LifeCycle(
        attribute="status", initial="planned", entry={"active"}, moves={"planned": {"active"}, "active": {"closed"}}
    ),
    hot=("name",),
)
geographic_locations = Resource(GeographicLocation, GEOGRAPHIC_LOCATION, domain="geography", hot=("name",))
geographic_address_validations = Resource(
    GeographicAddressValidation, GEOGRAPHIC_ADDRESS_VALIDATION, domain="geography"
)


async def sites_at(session: ReadSession, address_id: str, context: Context) -> list[Document]:
    """The active sites at an address."""
    return await geographic_sites.select(session, context, {"place.id": address_id, "status": "active"}, limit=20)


geographic_sub_addresses = Resource(GeographicSubAddress, GEOGRAPHIC_SUB_ADDRESS, domain="geography", hot=("name",))

"""The roles every tenant begins with, as data. They can be read and granted; changing one means making one's own."""

import msgspec


class BuiltInRole(msgspec.Struct, frozen=True):
    name: str
    description: str
    permissions: tuple[str, ...]


_CATALOG_READ = (
    "productOffering:read",
    "productOfferingPrice:read",
    "productSpecification:read",
    "productCatalog:read",
    "category:read",
)
_CUSTOMER_SIDE = ("individual", "organization", "customer", "partyAccount", "billingAccount", "financialAccount")
_PLACES = ("geographicAddress:*", "geographicAddressValidation:*", "geographicSite:*", "geographicLocation:read")

BUILT_IN = (
    BuiltInRole("administrator", "Everything, in one tenant", ("*",)),
    BuiltInRole(
        "sales",
        "Qualifies, quotes, takes orders, keeps customers",
        (
            *_CATALOG_READ,
            *(f"{name}:*" for name in _CUSTOMER_SIDE),
            *_PLACES,
            "queryProductOfferingQualification:*",
            "checkProductOfferingQualification:*",
            "productOrder:*",
            "cancelProductOrder:*",
            "product:read",
        ),
    ),
    BuiltInRole(
        "customer_service",
        "Sees all that concerns a customer, changes and orders for them",
        (
            "*:read",
            *(f"{name}:update" for name in _CUSTOMER_SIDE),
            "productOrder:create",
            "productOrder:update",
            "cancelProductOrder:create",
        ),
    ),
    BuiltInRole(
        "billing",
        "Runs bills, corrects usage and accounts",
        (
            *_CATALOG_READ,
            "individual:read",
            "organization:read",
            "customer:read",
            "product:read",
            "billingAccount:*",
            "financialAccount:*",
            "partyAccount:*",
            "settlementAccount:*",
            "billCycle:*",
            "billingCycleSpecification:*",
            "billFormat:*",
            "billPresentationMedia:*",
            "customerBill:*",
            "appliedCustomerBillingRate:*",
            "customerBillOnDemand:*",
            "billRun:*",
            "usage:*",
            "usageSpecification:*",
        ),
    ),
    BuiltInRole(
        "network_engineer",
        "Catalogs, inventories, orders and activation of the network side",
        (
            *_PLACES,
            "serviceSpecification:*",
            "serviceCandidate:*",
            "serviceCategory:*",
            "serviceCatalog:*",
            "resourceSpecification:*",
            "resourceCandidate:*",
            "resourceCategory:*",
            "resourceCatalog:*",
            "checkServiceQualification:*",
            "queryServiceQualification:*",
            "serviceOrder:*",
            "cancelServiceOrder:*",
            "service:*",
            "resource:*",
            "resourcePool:*",
            "reservation:*",
            "plan:*",
            "radius:*",
            "accessSession:*",
        ),
    ),
    BuiltInRole("network_element", "A machine of the network that asks and reports: RADIUS", ("radius:*",)),
    BuiltInRole("auditor", "Reads everything, changes nothing", ("*:read",)),
)

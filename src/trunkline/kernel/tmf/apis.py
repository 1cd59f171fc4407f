"""The table of the TM Forum Open APIs that Trunkline has a domain for: their numbers, names, path segments, versions.

The paths are ours, because those inside the published files disagree with each other: a segment is that of the latest
generation whose file names one, in lower camel case.
"""

from functools import cache

import msgspec

from trunkline.kernel.errors import NotFound


class API(msgspec.Struct, frozen=True):
    """One Open API. `versions` are the published contracts known here, the highest of each generation."""

    number: int
    name: str
    segment: str
    versions: tuple[str, ...]

    @property
    def code(self) -> str:
        """As people write it: TMF622."""
        return f"TMF{self.number}"

    @property
    def generations(self) -> tuple[int, ...]:
        """The major versions that have a contract."""
        return tuple(int(version.partition(".")[0]) for version in self.versions)


APIS = (
    API(620, "Product Catalog", "productCatalogManagement", ("4.1.0", "5.0.0")),
    API(621, "Trouble Ticket", "troubleTicket", ("4.0.0", "5.0.1")),
    API(622, "Product Ordering", "productOrderingManagement", ("4.0.0", "5.0.0")),
    API(628, "Performance", "performance", ("4.0.0", "5.0.0")),
    API(629, "Customer", "customerManagement", ("4.0.0", "5.0.1")),
    API(632, "Party", "partyManagement", ("4.0.0", "5.0.0")),
    API(633, "Service Catalog", "serviceCatalogManagement", ("4.0.0",)),
    API(634, "Resource Catalog", "resourceCatalog", ("4.1.0", "5.0.0")),
    API(635, "Usage", "usageManagement", ("4.0.0",)),
    API(637, "Product Inventory", "productInventory", ("4.0.0", "5.0.0")),
    API(638, "Service Inventory", "serviceInventory", ("4.0.0", "5.0.0")),
    API(639, "Resource Inventory", "resourceInventoryManagement", ("4.0.0", "5.0.0")),
    API(640, "Service Activation and Configuration", "serviceActivationAndConfiguration", ("4.0.0", "5.0.0")),
    API(641, "Service Ordering", "serviceOrdering", ("4.1.0",)),
    API(642, "Alarm", "alarmManagement", ("4.0.0", "5.0.1")),
    API(644, "Privacy", "privacyManagement", ("4.0.0", "5.0.0")),
    API(645, "Service Qualification", "serviceQualificationManagement", ("4.0.1",)),
    API(646, "Appointment", "appointment", ("4.0.0",)),
    API(648, "Quote", "quoteManagement", ("4.0.0",)),
    API(649, "Performance Thresholding", "performanceThresholding", ("5.0.0",)),
    API(651, "Agreement", "agreementManagement", ("4.0.0",)),
    API(652, "Resource Ordering", "resourceOrderingManagement", ("4.0.0",)),
    API(653, "Service Test", "serviceTestManagement", ("4.2.0",)),
    API(654, "Prepay Balance", "prepayBalanceManagement", ("4.0.0",)),
    API(655, "Change", "changeManagement", ("4.0.0",)),
    API(656, "Service Problem", "serviceProblemManagement", ("4.0.0", "5.0.0")),
    API(657, "Service Quality", "serviceQualityManagement", ("4.0.0",)),
    API(662, "Entity Catalog", "entityCatalogManagement", ("4.0.0",)),
    API(663, "Shopping Cart", "shoppingCart", ("4.0.0", "5.0.0")),
    API(664, "Resource Function Activation", "resourceFunctionActivation", ("4.0.0",)),
    API(666, "Account", "accountManagement", ("4.0.0", "5.0.0")),
    API(667, "Document", "document", ("4.0.0",)),
    API(668, "Partnership", "partnershipManagement", ("4.0.0",)),
    API(669, "Party Role", "partyRoleManagement", ("4.0.0", "5.0.0")),
    API(670, "Payment Method", "paymentMethod", ("4.0.0",)),
    API(671, "Promotion", "promotionManagement", ("4.1.0", "5.0.0")),
    API(
        672, "User Roles and Permissions", "rolesAndPermissions", ("4.0.0",)
    ),  # the v5 known here is a beta without roles
    API(673, "Geographic Address", "geographicAddressManagement", ("4.0.1",)),
    API(674, "Geographic Site", "geographicSiteManagement", ("4.0.0",)),
    API(675, "Geographic Location", "geographicLocation", ("4.0.0",)),
    API(676, "Payment", "payment", ("4.0.0",)),
    API(677, "Usage Consumption", "usageConsumption", ("4.0.1", "5.1.0")),
    API(678, "Customer Bill", "customerBillManagement", ("4.0.0", "5.0.0")),
    API(679, "Product Offering Qualification", "productOfferingQualification", ("4.0.0", "5.0.0")),
    API(680, "Recommendation", "recommendation", ("4.0.0",)),
    API(681, "Communication", "communicationManagement", ("4.0.0",)),
    API(683, "Party Interaction", "partyInteraction", ("4.0.0", "5.0.0")),
    API(685, "Resource Pool", "resourcePoolManagement", ("4.0.0",)),
    API(687, "Stock", "stock", ("4.0.0",)),
    API(688, "Event", "event", ("4.0.0",)),
    API(696, "Risk", "riskManagement", ("4.0.0",)),
    API(699, "Sales", "sales", ("4.0.0",)),
    API(700, "Shipping Order", "shippingOrder", ("4.0.0",)),
    API(701, "Process Flow", "processFlowManagement", ("4.1.0",)),
    API(702, "Resource Activation and Configuration", "resourceActivationAndConfiguration", ("4.0.0",)),
    API(703, "Entity Inventory", "entityInventory", ("4.0.0",)),
    API(717, "Customer 360", "customer360", ("5.0.1",)),
    API(720, "Digital Identity", "digitalIdentityManagement", ("4.0.0",)),
    API(723, "Policy", "policyManagement", ("5.0.0",)),
    API(724, "Incident", "incidentManagement", ("4.0.1",)),
    API(735, "CDR Transaction", "cdrTransactionManagement", ("5.0.0",)),
    API(736, "Revenue Sharing Algorithm", "revenueSharingAlgorithmManagement", ("5.0.0",)),
    API(737, "Revenue Sharing Report", "revenueSharingReportManagement", ("5.0.0",)),
    API(738, "Revenue Sharing Model", "revenueSharingModelManagement", ("5.0.0",)),
    API(760, "Product Configuration", "productConfigurationManagement", ("5.0.0",)),
    API(921, "Intent", "intentManagement", ("4.0.0", "5.0.0")),
)


@cache
def _by_code() -> dict[str, API]:
    return {api.code: api for api in APIS}


def get_api(code: str) -> API:
    """The API by its code ("TMF622"). Raises NotFound."""
    api = _by_code().get(code)
    if api is None:
        raise NotFound("unknownApi", f"There is no API {code} here.", allowed=tuple(_by_code()))
    return api


def api_path(code: str, generation: int | None = None) -> str:
    """Where the API is served, by default its highest generation: "/tmf-api/productOrderingManagement/v5".

    Raises NotFound for an API that is not in the table.
    """
    api = get_api(code)
    return f"/tmf-api/{api.segment}/v{generation or max(api.generations)}"

"""Check whether offerings can be sold at a place: sellable by the catalog, feasible by the network."""

from trunkline.bss.product_catalog.resources import is_sellable, product_offerings, product_specifications
from trunkline.bss.qualification.ports import FeasibilityQuestion, ServiceFeasibility
from trunkline.bss.qualification.resources import check_product_offering_qualifications as checks
from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text
from trunkline.kernel.tmf.validate import check_document

QUALIFIED, UNQUALIFIED = "qualified", "unqualified"


async def check(uow: UnitOfWork, document: Document, network: ServiceFeasibility, context: Context) -> Document:
    """Answer a check and keep it, state done. Each item gets `qualificationItemResult` and, when refused, the reasons.

    Raises Invalid for a malformed check. Event: CheckProductOfferingQualificationCreateEvent.
    """
    check_document(checks.entity, document, checks.info.required)
    items = [
        await _answer(uow, item, network, context) for item in document.get("checkProductOfferingQualificationItem", ())
    ]
    qualified = bool(items) and all(item["qualificationItemResult"] == QUALIFIED for item in items)
    now = instant_text(context.now)
    return await checks.create(
        uow,
        {
            **document,
            "checkProductOfferingQualificationItem": items,
            "qualificationResult": QUALIFIED if qualified else UNQUALIFIED,
            "state": "done",
            "creationDate": now,
            "effectiveQualificationDate": now,
        },
        context,
    )


async def _answer(uow: UnitOfWork, item: Document, network: ServiceFeasibility, context: Context) -> Document:
    offering = await product_offerings.find(uow, item.get("productOffering", {}).get("id", ""), context)
    if offering is None:
        return {
            **item,
            "state": "done",
            "qualificationItemResult": UNQUALIFIED,
            **_reason("unknownOffering", "No offering."),
        }
    answered = {**item, "state": "done"}
    if not is_sellable(offering, context.now):
        reason = _reason("notSellable", f"{offering['name']} is not for sale now.")
        return {**answered, "qualificationItemResult": UNQUALIFIED, **reason}
    specification_id = await _service_specification(uow, offering, context)
    place = _place(item)
    if specification_id is None:
        return {**answered, "qualificationItemResult": QUALIFIED}
    if place is None:
        reason = _reason("placeMissing", "This offering needs a place: name an address or a site.")
        return {**answered, "qualificationItemResult": UNQUALIFIED, **reason}
    answer = await network.ask(
        uow, FeasibilityQuestion(service_specification_id=specification_id, place_id=place), context
    )
    if not answer.is_feasible:
        reason = _reason(answer.reason_code or "notFeasible", answer.reason or "The network cannot serve this place.")
        return {**answered, "qualificationItemResult": UNQUALIFIED, **reason}
    product = item.get("product", {"@type": "Product"})
    served = {
        "site": answer.site_id,
        "technology": answer.technology,
        "downstreamMax": answer.downstream_max_bit_s,
    }
    return {
        **answered,
        "qualificationItemResult": QUALIFIED,
        "product": {
            **product,
            "productCharacteristic": [
                {"@type": "Characteristic", "name": name, "value": value}
                for name, value in served.items()
                if value is not None
            ],
        },
    }


async def _service_specification(uow: UnitOfWork, offering: Document, context: Context) -> str | None:
    reference = offering.get("productSpecification")
    if reference is None:
        return None
    specification = await product_specifications.get(uow, reference["id"], context)
    for realized in specification.get("serviceSpecification", ()):
        found: str = realized["id"]
        return found
    return None


def _place(item: Document) -> str | None:
    for place in item.get("product", {}).get("place", ()):
        found: str | None = place.get("place", place).get("id")
        if found:
            return found
    return None


def _reason(code: str, label: str) -> Document:
    return {"eligibilityResultReason": [{"@type": "EligibilityResultReason", "code": code, "label": label}]}

"""Feasibility of a service at a place: site, access technology, free port, speed, optical budget."""

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession, UnitOfWork
from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.normalise import instant_text
from trunkline.oss.geography.resources import geographic_sites, sites_at
from trunkline.oss.resource_pool.facade import use_of
from trunkline.oss.service_catalog.resources import service_specifications
from trunkline.oss.service_qualification.resources import check_service_qualifications

OPTICAL_LOSS_MAX_DB = 28
"""Class B+ of ITU-T G.984.2: the attenuation up to which a GPON line works."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """The question. `place_id` names a geographic address or a geographic site."""

    service_specification_id: str
    place_id: str
    downstream_bit_s: int | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer; `reason_code` and `reason` say why not."""

    is_feasible: bool
    site_id: str | None = None
    technology: str | None = None
    access_node: str | None = None
    downstream_max_bit_s: int | None = None
    free_ports: int | None = None
    reason_code: str | None = None
    reason: str | None = None


async def check(session: ReadSession, request: Check, context: Context) -> Answer:
    """Answer from live inventory. Raises NotFound for an unknown specification."""
    await service_specifications.get(session, request.service_specification_id, context)
    site = await geographic_sites.find(session, request.place_id, context)
    sites = [site] if site else await sites_at(session, request.place_id, context)
    if not sites:
        return Answer(is_feasible=False, reason_code="addressUnknown", reason="No site is known at this address.")
    refusals = []
    for candidate in sites:
        for access in candidate.get("servingAccess", ()):
            answer = await _check_access(session, candidate, access, request, context)
            if answer.is_feasible:
                return answer
            refusals.append(answer)
    if refusals:
        return refusals[0]
    return Answer(
        is_feasible=False, site_id=sites[0]["id"], reason_code="noAccess", reason="No access network reaches this site."
    )


async def answer_check(uow: UnitOfWork, document: Document, context: Context) -> None:
    """Complete a TMF645 check with its answer, item by item."""
    results = []
    for n, item in enumerate(document.get("serviceQualificationItem", ())):
        service = item.get("service", {})
        reference = service.get("serviceSpecification", {}).get("id")
        places = [place.get("id") for place in service.get("place", ()) if place.get("id")]
        if not reference or not places:
            raise Unprocessable(
                "incompleteItem",
                "An item names a service specification and a place.",
                path=f"$.serviceQualificationItem[{n}].service",
            )
        answer = await check(uow, Check(service_specification_id=reference, place_id=places[0]), context)
        item["state"] = "done"
        item["qualificationResult"] = "qualified" if answer.is_feasible else "unqualified"
        if answer.is_feasible:
            served = {
                "technology": answer.technology,
                "downstreamMax": answer.downstream_max_bit_s,
                "site": answer.site_id,
            }
            item["service"] = {**service, "serviceCharacteristic": [{"name": k, "value": v} for k, v in served.items()]}
        else:
            item["eligibilityUnavailabilityReason"] = [{"code": answer.reason_code, "label": answer.reason}]
        results.append(answer.is_feasible)
    document["qualificationResult"] = "qualified" if results and all(results) else "unqualified"
    document["state"] = "done"
    document["effectiveQualificationDate"] = instant_text(context.now)


async def _check_access(
    session: ReadSession, site: Document, access: Document, request: Check, context: Context
) -> Answer:
    use = await use_of(session, access["portPool"], context)
    facts = {
        "site_id": site["id"],
        "technology": access["technology"],
        "access_node": access["accessNode"],
        "downstream_max_bit_s": access["downstreamMax"],
        "free_ports": use.free,
    }
    if use.free == 0:
        return Answer(
            is_feasible=False, reason_code="noPort", reason="All ports that reach this site are taken.", **facts
        )
    if request.downstream_bit_s and request.downstream_bit_s > access["downstreamMax"]:
        return Answer(is_feasible=False, reason_code="tooSlow", reason="The access here is not that fast.", **facts)
    if access.get("opticalBudget", 0) > OPTICAL_LOSS_MAX_DB:
        return Answer(
            is_feasible=False,
            reason_code="opticalBudget",
            reason="The fibre loses more light than is allowed.",
            **facts,
        )
    return Answer(is_feasible=True, **facts)


check_service_qualifications.prepare(answer_check)

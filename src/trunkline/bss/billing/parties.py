"""Who issues and who receives a bill: names and addresses out of party and customer, as they are on the day."""

from typing import Any

from trunkline.bss.billing.contracts import Letterhead
from trunkline.bss.billing.model.terms import Terms, party_in_role
from trunkline.bss.customer.resources import customers
from trunkline.bss.party.resources import individuals, organizations
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.errors import Unprocessable

NUMBER_PREFIX_MAX = 20


async def seller_of(session: ReadSession, terms: Terms, context: Context) -> Letterhead:
    """The organization that issues the account's bills. `organizationIdentification` of type "VAT" is its tax number,
    `billNumberPrefix` begins its bill numbers. Raises Unprocessable when it is not there."""
    organization = await organizations.find(session, terms.seller_id, context)
    if organization is None:
        raise Unprocessable("unknownSeller", f"There is no organization {terms.seller_id}.", path="$.seller.id")
    identifications = organization.get("organizationIdentification", ())
    vat = [item for item in identifications if str(item.get("identificationType", "")).lower() in ("vat", "vatid")]
    return Letterhead(
        id=organization["id"],
        name=organization.get("tradingName") or organization.get("name", ""),
        address=_address(organization),
        tax_id=str(vat[0].get("identificationId", "")) if vat else "",
        number_prefix=str(organization.get("billNumberPrefix", ""))[:NUMBER_PREFIX_MAX],
        facts=_contacts(organization),
    )


async def buyer_of(session: ReadSession, terms: Terms, context: Context) -> Letterhead:
    """The person or company that the bill is for: the account's party in the role customer, else the account's name."""
    party_id = party_in_role(terms.related_party, "customer")
    customer = await customers.find(session, party_id, context) if party_id else None
    engaged = customer.get("engagedParty", {}).get("id") if customer else party_id
    party = await _party(session, engaged, context) if engaged else None
    if party is None:
        return Letterhead(id=party_id or terms.account_id, name=terms.account_name, address=[])
    return Letterhead(id=party["id"], name=_name(party) or terms.account_name, address=_address(party))


async def _party(session: ReadSession, id_: str, context: Context) -> dict[str, Any] | None:
    return await individuals.find(session, id_, context) or await organizations.find(session, id_, context)


def _name(party: dict[str, Any]) -> str:
    if party.get("familyName"):
        return " ".join(str(party[part]) for part in ("givenName", "familyName") if party.get(part))
    return str(party.get("tradingName") or party.get("name", ""))


def _address(party: dict[str, Any]) -> list[str]:
    """The postal address in lines; the preferred one where there are several."""
    postal = [medium for medium in party.get("contactMedium", ()) if medium.get("street1") or medium.get("city")]
    postal.sort(key=lambda medium: not medium.get("preferred", False))
    for medium in postal:
        place = " ".join(str(medium[part]) for part in ("postCode", "city") if medium.get(part))
        lines = (medium.get("street1"), medium.get("street2"), place, medium.get("country"))
        return [str(line) for line in lines if line]
    return []


def _contacts(party: dict[str, Any]) -> list[str]:
    media = party.get("contactMedium", ())
    return [str(medium[part]) for part in ("phoneNumber", "emailAddress") for medium in media if medium.get(part)]

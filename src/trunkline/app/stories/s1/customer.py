"""Step 2: a customer, with what was consented to, and an account that bills go to."""

from typing import Any

from trunkline.app.stories import references
from trunkline.app.stories.client import ACCOUNT, CUSTOMER, PARTY
from trunkline.app.stories.scene import Scene


def create_customer(scene: Scene) -> None:
    """Person with consents, customer, billing account in the cycle of the first of the month."""
    scene.report.step("A customer with consent is created")
    wanted = scene.values["customer"]
    person = scene.api.post(
        f"{PARTY}/individual",
        {
            "@type": "Individual",
            "givenName": wanted["given_name"],
            "familyName": wanted["family_name"],
            "partyCharacteristic": _consents(scene),
            "contactMedium": [_contact(scene)],
        },
    )
    customer = scene.api.post(
        f"{CUSTOMER}/customer",
        {
            "@type": "Customer",
            "name": f"{wanted['given_name']} {wanted['family_name']}",
            "engagedParty": {"@type": "PartyRef", "@referredType": "Individual", "id": person["id"]},
        },
    )
    cycle = {"@type": "BillingCycleSpecificationRef", "id": "monthly-1"}
    account = scene.api.post(
        f"{ACCOUNT}/billingAccount",
        {
            "@type": "BillingAccount",
            "name": customer["name"],
            "currency": scene.values["currency"],
            "relatedParty": [references.party(customer["id"])],
            "billStructure": {"@type": "BillStructure", "cycleSpecification": cycle},
        },
    )
    scene.ids |= {"individual": person["id"], "customer": customer["id"], "account": account["id"]}
    given = [purpose for purpose, said in wanted["consents"].items() if said]
    scene.report.say(f"{customer['name']}, consents: {', '.join(given)}; billing account {account['id']}")


def _consents(scene: Scene) -> list[dict[str, Any]]:
    """Each purpose with the answer, when and where it was given."""
    now = scene.api.get("/trunkline/v1/clock")["now"]
    return [
        {
            "@type": "ObjectCharacteristic",
            "name": f"consent.{purpose}",
            "valueType": "object",
            "value": {"given": given, "at": now, "channel": "web"},
        }
        for purpose, given in scene.values["customer"]["consents"].items()
    ]


def _contact(scene: Scene) -> dict[str, Any]:
    where = scene.values["address"]
    return {
        "@type": "GeographicAddressContactMedium",
        "contactType": "postal",
        "preferred": True,
        "street1": f"{where['street']} {where['number']}",
        "postCode": where["postcode"],
        "city": where["city"],
        "country": "DE",
    }

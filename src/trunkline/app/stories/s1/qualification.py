"""Step 1: may this offering be had at this address?"""

from trunkline.app.stories import references
from trunkline.app.stories.client import ADDRESSES, QUALIFICATION
from trunkline.app.stories.scene import Scene


def qualify_address(scene: Scene) -> None:
    """A visitor types an address; it is matched to a site, and the site's access can carry the offering."""
    scene.report.step("A visitor's address is qualified")
    scene.move_clock("qualified_at")
    wanted = scene.values["address"]
    address = scene.api.get(
        f"{ADDRESSES}/geographicAddress",
        streetName=wanted["street"],
        streetNr=wanted["number"],
        city=wanted["city"],
    )[0]
    item = {
        "@type": "CheckProductOfferingQualificationItem",
        "id": "1",
        "action": "add",
        "productOffering": references.offering(scene.values["order"]["offerings"][0]),
        "product": references.product_at(address["id"]),
    }
    check = scene.api.post(
        f"{QUALIFICATION}/checkProductOfferingQualification",
        {"@type": "CheckProductOfferingQualification", "checkProductOfferingQualificationItem": [item]},
    )
    served = {
        found["name"]: found["value"]
        for found in check["checkProductOfferingQualificationItem"][0]["product"]["productCharacteristic"]
    }
    scene.ids["site"] = served["site"]
    scene.report.figure("qualification", check["qualificationResult"])
    scene.report.figure("technology", served["technology"])
    scene.report.say(
        f"{wanted['street']} {wanted['number']}, {wanted['city']}: {check['qualificationResult']}, "
        f"{served['technology']}, up to {int(served['downstreamMax']) // 10**6} Mbit/s"
    )

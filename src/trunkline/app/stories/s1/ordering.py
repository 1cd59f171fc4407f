"""Step 3: the order."""

from trunkline.app.stories import references
from trunkline.app.stories.client import ORDERING
from trunkline.app.stories.scene import Scene


def order_products(scene: Scene) -> None:
    """One order with an item for each offering; the prices it was sold for are on it."""
    names = scene.values["order"]["offerings"]
    scene.report.step(f"{' and '.join(names)} are ordered")
    scene.move_clock("ordered_at")
    items = [
        {
            "@type": "ProductOrderItem",
            "id": str(n),
            "action": "add",
            "productOffering": references.offering(name),
            "product": references.product_at(scene.ids["site"]),
        }
        for n, name in enumerate(names, start=1)
    ]
    order = scene.api.post(
        f"{ORDERING}/productOrder",
        {
            "@type": "ProductOrder",
            "category": "residential",
            "relatedParty": [references.party(scene.ids["customer"])],
            "billingAccount": {"@type": "BillingAccountRef", "id": scene.ids["account"]},
            "productOrderItem": items,
        },
    )
    scene.ids["order"] = order["id"]
    for price in order["orderTotalPrice"]:
        amount = price["price"]["dutyFreeAmount"]
        scene.report.say(f"{price['priceType']}: {amount['value']} {amount['unit']} net")

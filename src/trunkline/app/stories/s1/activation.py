"""Steps 4 to 6: the order becomes services and resources, a technician installs, all of it runs since one instant."""

from trunkline.app.stories import fulfilment
from trunkline.app.stories.client import INVENTORY, RESOURCES
from trunkline.app.stories.scene import Scene


def watch_decomposition(scene: Scene) -> None:
    """Product → customer-facing → resource-facing services → resources, each reserved."""
    scene.report.step("The order is decomposed, resources are reserved")
    running = fulfilment.service_order(scene, scene.ids["order"])
    scene.ids |= {"service_order": running["id"], "plan": running["plan"]["href"]}
    fulfilment.plan_step(scene, scene.ids["plan"], "reserve", {"completed"}, "the reservation")
    chain = fulfilment.services(scene, running["id"])
    for service in chain:
        held = [
            f"{resource['name']} {resource.get('value', '(by the technician)')}"
            for reference in service.get("supportingResource", ())
            for resource in [scene.api.get(f"{RESOURCES}/resource/{reference['id']}")]
        ]
        scene.report.say(f"{service['category']} {service['name']}: {', '.join(held) or 'no resources of its own'}")
    steps = scene.api.get(scene.ids["plan"])["steps"]
    scene.report.say("plan: " + " → ".join(step["name"].split(".", 1)[-1] for step in steps))
    scene.report.figure("services", len(chain))


def install_and_activate(scene: Scene) -> None:
    """The technician reports; the network is configured; the home dials in, and that completes the order."""
    scene.report.step("The line is installed and activated")
    scene.move_clock("installed_at")
    wanted, plan = scene.values["install"], scene.ids["plan"]
    manual = fulfilment.plan_step(scene, plan, "install", {"running", "waiting", "ready"}, "the installation task")
    scene.api.post(
        f"/trunkline/v1/serviceOrder/{scene.ids['service_order']}/task/{manual['name']}/complete",
        {
            "result": {
                "serialNumber": wanted["serial_number"],
                "hardwareAddress": wanted["hardware_address"],
                "opticalPower": wanted["optical_power_dbm"],
            }
        },
    )
    scene.report.say(f"technician: serial {wanted['serial_number']}, light {wanted['optical_power_dbm']} dBm")
    line = fulfilment.plan_step(scene, plan, "activate_access", {"completed"}, "the access line")
    user = fulfilment.plan_step(scene, plan, "activate_session", {"completed"}, "the AAA user")
    scene.ids["user_name"] = user["result"]["userName"]
    scene.report.say(f"driver {line['result']['driver']}: access line configured; AAA user {scene.ids['user_name']}")
    for words in scene.access.connect(scene.ids["user_name"], line["result"]):
        scene.report.say(words)
    fulfilment.completed(scene, scene.ids["order"])


def one_instant(scene: Scene) -> None:
    """What was sold, what runs and what it runs on carry the same instant: that of the activation."""
    scene.report.step("Product, services and resources are active since the same instant")
    products = scene.api.get(f"{INVENTORY}/product", **{"productOrderItem.orderId": scene.ids["order"]})
    starts = {product["startDate"] for product in products}
    for service in fulfilment.services(scene, scene.ids["service_order"]):
        starts.add(service["startDate"])
        for reference in service.get("supportingResource", ()):
            starts.add(scene.api.get(f"{RESOURCES}/resource/{reference['id']}")["startOperatingDate"])
    if len(starts) != 1 or {product["status"] for product in products} != {"active"}:
        raise AssertionError(f"not one activation instant: {sorted(starts)}")
    scene.report.figure("activated_at", starts.pop(), f"{len(products)} products active")
    scene.report.say(f"since {scene.report.figures['activated_at']}")

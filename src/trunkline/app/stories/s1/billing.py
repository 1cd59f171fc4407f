"""Steps 8 and 9: the bill of 1 July, and why each line is what it is."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from trunkline.app.stories.client import BILLS
from trunkline.app.stories.s1.usage import is_of_session, octets_of
from trunkline.app.stories.scene import Scene


def bill_july(scene: Scene) -> None:
    """The clock moves; the run makes exactly one bill for the account."""
    scene.report.step("The bill run of 1 July")
    scene.move_clock("billed_at")
    local = datetime.fromisoformat(str(scene.values["clock"]["billed_at"]))
    run = scene.api.post("/trunkline/v1/billRun", {"cutOffDate": local.date().isoformat(), "cycle": "monthly-1"})
    scene.finished("the bill run", run["id"])
    bills = scene.api.get(f"{BILLS}/customerBill", **{"billingAccount.id": scene.ids["account"]})
    if len(bills) != 1:
        raise AssertionError(f"expected one bill, got {len(bills)}")
    (bill,) = bills
    scene.ids |= {"bill": bill["id"], "bill_no": bill["billNo"]}
    net, gross = bill["taxExcludedAmount"]["value"], bill["taxIncludedAmount"]["value"]
    figures = {"net": _money(net), "gross": _money(gross), "tax": _money(Decimal(gross) - Decimal(net))}
    scene.report.figure("bill_no", bill["billNo"])
    for name, amount in figures.items():
        scene.report.figure(name, amount)
    scene.report.say(f"{bill['billNo']}: {figures['net']} net + {figures['tax']} tax = {figures['gross']} gross")


def explain_bill(scene: Scene) -> None:
    """Each line with its formula; the usage line back to its records; the invoice as PDF."""
    scene.report.step("The invoice is explained line by line, and printed")
    bill_id = scene.ids["bill"]
    lines = scene.api.get(f"{BILLS}/appliedCustomerBillingRate", **{"bill.id": bill_id}, sort="date")
    explained = scene.api.get(f"/trunkline/v1/customerBill/{bill_id}/explanation")["lines"]
    for line in explained:
        scene.report.say(f"{line['net']:>8}  {line['text']}")
        _keep_figures(scene, line)
    scene.report.figure("lines", len(lines))
    for line in explained:
        if line["kind"] == "usage":
            _trace(scene, line["usage"]["href"])
    path = scene.folder / f"{scene.ids['bill_no'].replace('/', '-')}.pdf"
    path.write_bytes(scene.api.download(f"{BILLS}/customerBill/{bill_id}/document"))
    scene.report.figure("pdf", str(path))


def _keep_figures(scene: Scene, line: dict[str, Any]) -> None:
    kind = line["kind"]
    if kind == "oneTime":
        scene.report.figure("install_net", line["net"])
    elif kind == "usage":
        scene.report.figure("usage_net", line["net"])
    elif line.get("days") and line["days"] != line.get("periodDays"):
        scene.report.figure("june_net", line["net"])
        scene.report.figure("june_days", line["days"])
    else:
        scene.report.figure("july_net", line["net"])


def _trace(scene: Scene, href: str) -> None:
    """From the line back to its usage: what the session over RADIUS put onto it, and the record that came last."""
    link = urlsplit(href)
    billed = [usage for usage in scene.every(link.path, **dict(parse_qsl(link.query))) if usage["status"] == "billed"]
    of_session = [usage for usage in billed if is_of_session(usage)]
    octets = sum(octets_of(usage) for usage in of_session)
    scene.report.figure("session_octets_billed", octets)
    if not of_session:
        raise AssertionError(f"no usage of the session is on the line: {href}")
    raw = scene.api.get(f"/trunkline/v1/usage/{of_session[-1]['id']}/rawRecord")
    body = raw["body"]
    scene.report.say(
        f"          of it {octets:,} octets by session {body['Acct-Session-Id']} of {body['NAS-Identifier']}; "
        f"its last record: {body['Acct-Status-Type']}, {raw['occurred_at']}"
    )


def _money(value: Any) -> str:
    return f"{Decimal(value):.2f}"

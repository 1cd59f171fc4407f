"""Step 7: what the line carried becomes rated usage, over REST and out of a file, each record more than once."""

from collections import Counter
from typing import Any

from trunkline.app.stories.client import USAGE
from trunkline.app.stories.scene import Scene
from trunkline.app.stories.usage_file import detail_file

_RADIUS = "radius "  # how the source of a record that came over RADIUS begins


def use_the_line(scene: Scene) -> None:
    """A session of the access network over REST; the rest of the month from a file that is fed twice."""
    scene.report.step("Usage arrives and is rated")
    counted = scene.access.use(scene.ids["user_name"])
    scene.report.say(f"the network counted {counted:,} octets in the session")
    scene.move_clock("usage_until")
    left = scene.values["usage"]["total_octets"] - counted
    first = scene.values["clock"]["installed_at"].replace(hour=8, minute=0)
    name, content = "detail-june", detail_file(scene.ids["user_name"], left, first)
    _feed(scene, f"{name}, first time", name, content)
    again = content.replace(b"file-", b"again-") if scene.values.get("feed_as_new") else content
    _feed(scene, f"{name}, second time", name, again)
    records = scene.every(f"{USAGE}/usage")
    _show_session(scene, [record for record in records if is_of_session(record)])
    octets = sum(octets_of(record) for record in records)
    scene.report.figure("usage_octets", octets, f"{octets:,} octets on the product")


def octets_of(usage: dict[str, Any]) -> int:
    """What a usage record (TMF635) counts; nothing new counts nothing."""
    return int(_value(usage, "quantity") or 0)


def is_of_session(usage: dict[str, Any]) -> bool:
    """Whether a usage record came over RADIUS."""
    return _value(usage, "source").startswith(_RADIUS)


def _feed(scene: Scene, what: str, name: str, content: bytes) -> None:
    job = scene.api.upload(
        "/trunkline/v1/usageImport", content, "application/octet-stream", file=name, mapping="detail"
    )
    counts = scene.finished("the import", job["id"])["result"]
    outcomes = " + ".join(f"{o} {counts[o]}" for o in ("rated", "free", "suspended", "rejected"))
    scene.report.say(f"{what}: in {counts['in']} = {outcomes}, known before {counts['alreadyKnown']}")


def _show_session(scene: Scene, records: list[dict[str, Any]]) -> None:
    """The session's records as the platform keeps them: repetitions are not among them."""
    raw = [scene.api.get(_value(record, "rawRecord"))["body"] for record in records]
    kinds = dict(sorted(Counter(str(body["Acct-Status-Type"]) for body in raw).items()))
    octets = sum(octets_of(record) for record in records)
    scene.report.figure("session_records", kinds)
    scene.report.figure("session_octets", octets)
    told = ", ".join(f"{kind} {n}" for kind, n in kinds.items())
    scene.report.say(f"over REST, without what came again: {told}; {octets:,} octets")


def _value(usage: dict[str, Any], name: str) -> str:
    return next((str(item["value"]) for item in usage.get("usageCharacteristic", ()) if item["name"] == name), "")

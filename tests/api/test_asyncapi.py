"""The AsyncAPI documents: well formed, complete, and true about what is sent."""

from typing import Any

import jsonschema
import pytest

from tests.api.test_openapi import SERVED, read, references
from tests.support.installation import Installation
from trunkline.kernel.events.event import Event, decode_payload
from trunkline.kernel.events.notification import notification
from trunkline.kernel.tmf.asyncapi import asyncapi
from trunkline.kernel.tmf.catalogue import ServedApi
from trunkline.kernel.tmf.document import decode, encode

BY_PATH = {served.path: served for served in SERVED}


@pytest.mark.parametrize(
    "served",
    [
        pytest.param(served, id=served.path.removeprefix("/tmf-api/"), marks=[] if n % 12 == 0 else [pytest.mark.long])
        for n, served in enumerate(SERVED)
    ],
)
def test_a_document_is_well_formed(served: ServedApi) -> None:
    """Structure of AsyncAPI 3.0: channels with messages, operations that send them; schemas by JSON Schema."""
    document = asyncapi(served, "1.0")
    assert document["asyncapi"] == "3.0.0"
    assert document["info"]["title"] == f"{served.title}: events"
    messages, components = document["components"]["messages"], document["components"]["schemas"]
    assert set(messages) == {name for mount in served.mounts for name in mount.published}
    places = {f"#/components/messages/{name}" for name in messages}
    places |= {f"#/components/schemas/{name}" for name in components}
    places |= {f"#/channels/{name}" for name in document["channels"]}
    places |= {f"#/channels/{name}/messages/{message}" for name in document["channels"] for message in messages}
    assert references(document) <= places
    assert {channel["address"] for channel in document["channels"].values()} == {None, f"{served.path}/events"}
    assert all(operation["action"] == "send" for operation in document["operations"].values())
    jsonschema.Draft202012Validator.check_schema({"$defs": components})
    payloads = {name: message["payload"] for name, message in messages.items()}
    jsonschema.Draft202012Validator.check_schema({"$defs": payloads})


def payload_of(document: dict[str, Any], event_type: str) -> dict[str, Any]:
    """The message's schema with what it refers to."""
    payload: dict[str, Any] = document["components"]["messages"][event_type]["payload"]
    return {**payload, "components": document["components"]}


@pytest.mark.parametrize("generation", [4, 5])
async def test_what_is_sent_is_what_the_document_says(at: Installation, generation: int) -> None:
    path = f"/tmf-api/partyManagement/v{generation}"
    async with at.client() as client:
        person = {"@type": "Individual", "familyName": "Line", "givenName": "Ada"}
        id_ = (await client.post(f"{path}/individual", json=person)).json()["id"]
        await client.patch(f"{path}/individual/{id_}", json={"title": "Dr"})
        await client.patch(f"{path}/individual/{id_}", json={"status": "validated"})
        await client.delete(f"{path}/individual/{id_}")
    async with at.database.read() as session:
        rows = await session.fetch("select * from kernel.outbox where resource_id = $1 order by seq", id_)
    events = [
        Event(
            **{name: row[name] for name in Event.__struct_fields__ if name != "payload"},
            payload=decode_payload(row["payload"]),
        )
        for row in rows
    ]
    sent = [decode(encode(notification(event, BY_PATH[path].hub))) for event in events]
    assert [one["eventType"] for one in sent] == [
        "IndividualCreateEvent",
        "IndividualAttributeValueChangeEvent",
        "IndividualStateChangeEvent",
        "IndividualDeleteEvent",
    ]
    document = await read(at, f"{path}/asyncapi.json")
    for one in sent:
        jsonschema.Draft202012Validator(payload_of(document, one["eventType"])).validate(one)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(payload_of(document, one["eventType"])).validate({**one, "eventType": "X"})

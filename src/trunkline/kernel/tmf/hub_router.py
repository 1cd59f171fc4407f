"""HTTP for hub subscriptions: POST, GET and DELETE of `{api}/hub` (TMF630 part 1, 4.12)."""

from collections.abc import Callable
from typing import Any

import msgspec

from trunkline.kernel.events.hub import Hub, Style
from trunkline.kernel.events.signing import Signer
from trunkline.kernel.tmf.catalogue import ServedApi
from trunkline.kernel.tmf.document import parse_body
from trunkline.kernel.web import Call, Endpoint, Reply


class HubInput(msgspec.Struct, frozen=True, kw_only=True):
    """What subscribes: `callback` is where notifications go, `query` which ones (all, when it is empty)."""

    callback: str
    query: str = ""
    style: Style = "callback"


class HubView(HubInput, frozen=True, kw_only=True):
    """A subscription as it is shown."""

    id: str
    href: str


class HubMade(HubView, frozen=True, kw_only=True):
    """The answer to a subscription: `secret` signs its notifications and is not told again."""

    secret: str


def hub_endpoints(served: ServedApi, hub: Hub, signer: Signer) -> list[Endpoint]:
    """The endpoints of one API's hub."""
    root, one, tags = f"{served.path}/hub", f"{served.path}/hub/{{id}}", (served.api.code,)
    return [
        Endpoint(
            "POST",
            root,
            permission="hub:create",
            handler=_create(served, hub, signer),
            summary="Subscribe to events",
            request=HubInput,
            response=HubMade,
            secret=True,
            tags=tags,
        ),
        Endpoint(
            "GET",
            root,
            permission="hub:read",
            handler=_list(served, hub),
            summary="List subscriptions",
            response=list[HubView],
            tags=tags,
        ),
        Endpoint(
            "GET",
            one,
            permission="hub:read",
            handler=_read(served, hub),
            summary="Read a subscription",
            response=HubView,
            tags=tags,
        ),
        Endpoint(
            "DELETE", one, permission="hub:delete", handler=_delete(served, hub), summary="Unsubscribe", tags=tags
        ),
    ]


def _create(served: ServedApi, hub: Hub, signer: Signer) -> Callable[[Call], Any]:
    async def create(call: Call) -> Reply:
        async with call.unit_of_work() as uow:
            made = await hub.create(uow, served.hub, parse_body(call.json_bytes()), call.context)
        answer = {**made.document(), "secret": signer.secret(made.tenant, made.id)}
        return Reply(201, answer, headers={"Location": f"{served.path}/hub/{made.id}"})

    return create


def _list(served: ServedApi, hub: Hub) -> Callable[[Call], Any]:
    async def list_(call: Call) -> Reply:
        async with call.database.read() as session:
            found = await hub.list(session, served.hub, call.context)
        return Reply(200, [subscription.document() for subscription in found])

    return list_


def _read(served: ServedApi, hub: Hub) -> Callable[[Call], Any]:
    async def read(call: Call) -> Reply:
        async with call.database.read() as session:
            found = await hub.get(session, served.hub, call.path["id"], call.context)
        return Reply(200, found.document())

    return read


def _delete(served: ServedApi, hub: Hub) -> Callable[[Call], Any]:
    async def delete(call: Call) -> Reply:
        async with call.unit_of_work() as uow:
            await hub.delete(uow, served.hub, call.path["id"], call.context)
        return Reply(204)

    return delete

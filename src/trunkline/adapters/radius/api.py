"""What FreeRADIUS asks: may this user in, and here is an accounting record.

In `mods-enabled/rest` set `authorize.uri` and `accounting.uri` to these paths, `method = post`, `body = json`, and basic
authentication with an API key of role network_element. A failing accounting call leaves the access server without answer,
so that it sends the record again: nothing is lost, and repetitions change nothing.
"""

from pathlib import Path
from typing import Any

from trunkline.adapters.radius import session_api
from trunkline.adapters.radius.nas import AccessServers
from trunkline.adapters.radius.wire import ATTRIBUTES_MAX, Request, accept, first_values
from trunkline.bss.usage import facade as usage
from trunkline.bss.usage.contracts import Origin, RawAccounting
from trunkline.kernel.clock import Clock
from trunkline.kernel.errors import Forbidden, Invalid, NotFound
from trunkline.kernel.web import Call, Endpoint, Reply
from trunkline.oss.activation import aaa
from trunkline.oss.activation.sealing import OpeningKey, load_key

_SIZE_MAX = 64 * 1024  # a RADIUS packet has at most 4,096 octets


def endpoints(home: Path) -> list[Endpoint]:
    """The endpoints; key and access servers are those of the installation's home."""
    access_servers = AccessServers.of_home(home)
    front = _FrontEnd(load_key(home), access_servers)
    return [
        *session_api.endpoints(access_servers),
        Endpoint(
            "POST",
            "/radius/authorize",
            permission="radius:authorize",
            handler=front.authorize,
            summary="Ask whether a RADIUS user may in, with what secret and attributes",
            request=Request,
            response=dict[str, Any],
            tags=("RADIUS",),
            size_max=_SIZE_MAX,
            secret=True,
        ),
        Endpoint(
            "POST",
            "/radius/accounting",
            permission="radius:accounting",
            handler=_account,
            summary="Take a RADIUS accounting record (RFC 2866); answered once it is stored",
            request=Request,
            tags=("RADIUS",),
            size_max=_SIZE_MAX,
        ),
    ]


class _FrontEnd:
    """Answers Access-Requests from the AAA subscribers."""

    def __init__(self, key: OpeningKey, access_servers: AccessServers) -> None:
        self._key = key
        self._access_servers = access_servers

    async def authorize(self, call: Call) -> Reply:
        """404: no such user, FreeRADIUS rejects. 403: known but suspended, rejected as locked out."""
        attributes = _attributes(call)
        name = str(attributes.get("User-Name", ""))
        async with call.database.read() as session:
            subscriber = await aaa.find_subscriber(session, name, call.context) if name else None
            if subscriber is None:
                raise NotFound("unknownSubscriber", "There is no such subscriber.", path="$.User-Name")
            if subscriber.state is not aaa.SubscriberState.ACTIVE:
                raise Forbidden("subscriberSuspended", "The subscriber is not let in.", path="$.User-Name")
            secret = await aaa.secret_of(session, name, self._key, call.context)
        reply = self._access_servers.vendor_of(attributes).attributes(subscriber)
        if subscriber.framed_ip is not None:
            reply["Framed-IP-Address"] = [subscriber.framed_ip]
        reply |= {attribute: [value] for attribute, value in subscriber.attributes.items()}
        return Reply(200, accept(secret, reply), headers={"Cache-Control": "no-store"})


async def _account(call: Call) -> Reply:
    """204 when the record is stored, whatever its outcome: what cannot be counted is kept and must not come again."""
    attributes = _attributes(call)
    origin = Origin(
        source="radius",
        source_ref=str(attributes.get("NAS-Identifier") or attributes.get("NAS-IP-Address") or "unknown"),
        received_at=Clock.wall(),
        shift=call.database.clock.offset,
    )
    async with call.unit_of_work() as uow:
        await usage.ingest_accounting(uow, RawAccounting(attributes=attributes, origin=origin), call.context)
    return Reply(204)


def _attributes(call: Call) -> dict[str, str | int]:
    request = call.body(Request)
    if len(request) > ATTRIBUTES_MAX:
        raise Invalid("tooManyAttributes", f"A request has at most {ATTRIBUTES_MAX} attributes.", path="$")
    return first_values(request)

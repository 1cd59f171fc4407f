"""Running sessions of an access server, for operators: end one, or change it while it runs (RFC 5176)."""

from typing import Annotated

import msgspec

from trunkline.adapters.radius.dynamic_authorization import Answer, DynamicAuthorization, SessionName
from trunkline.adapters.radius.nas import AccessServers
from trunkline.adapters.radius.vendor import vendor
from trunkline.kernel.db import AuditEntry
from trunkline.kernel.errors import Invalid, NotFound
from trunkline.kernel.web import Call, Endpoint, Reply
from trunkline.oss.activation import aaa

PATH = "/trunkline/v1/accessSession"
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]  # what a RADIUS attribute holds
_Attributes = Annotated[
    dict[_Text, Annotated[list[_Text], msgspec.Meta(min_length=1, max_length=8)]], msgspec.Meta(max_length=20)
]


class EndSession(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which session on which access server (a name of `radius.toml`); without an id, all of the user's."""

    access_server: _Text
    user_name: _Text
    session_id: _Text | None = None
    framed_ip: _Text | None = None

    def name(self) -> SessionName:
        """As the access server is told."""
        return SessionName(user_name=self.user_name, session_id=self.session_id, framed_ip=self.framed_ip)


class ChangeSession(EndSession, frozen=True, kw_only=True, rename="camel"):
    """`attributes`: RADIUS name → values. Without them the session gets the speeds that the subscriber has now, in the
    words of the access server's vendor."""

    attributes: _Attributes = {}


class Told(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the access server answered; `errorCause` as in RFC 5176, 3.5, where it gave one."""

    acknowledged: bool
    reason: str
    error_cause: int | None = None


def endpoints(access_servers: AccessServers) -> list[Endpoint]:
    """The endpoints, for the access servers of an installation."""
    front = _Sessions(access_servers)
    return [
        Endpoint(
            "POST",
            f"{PATH}/disconnect",
            permission="accessSession:disconnect",
            handler=front.disconnect,
            summary="End a running session (Disconnect-Request)",
            request=EndSession,
            response=Told,
            tags=("RADIUS",),
            asks_outside=True,
        ),
        Endpoint(
            "POST",
            f"{PATH}/change",
            permission="accessSession:change",
            handler=front.change,
            summary="Change a running session (CoA-Request)",
            request=ChangeSession,
            response=Told,
            tags=("RADIUS",),
            asks_outside=True,
        ),
    ]


class _Sessions:
    """200 with the access server's answer, also when it refuses; 404 for an unknown one; 503 when it is silent."""

    def __init__(self, access_servers: AccessServers) -> None:
        self._access_servers = access_servers

    async def disconnect(self, call: Call) -> Reply:
        """End the session; the subscriber may dial in again unless suspended."""
        asked = call.body(EndSession)
        answer = await self._client(asked).disconnect(asked.name())
        return await _told(call, "disconnect", asked, answer)

    async def change(self, call: Call) -> Reply:
        """Change the session to the given attributes, or to the subscriber's speeds."""
        asked = call.body(ChangeSession)
        client = self._client(asked)
        if not asked.attributes:
            asked = msgspec.structs.replace(asked, attributes=await self._speeds(call, asked))
        answer = await client.change(asked.name(), asked.attributes)
        return await _told(call, "change", asked, answer)

    def _client(self, asked: EndSession) -> DynamicAuthorization:
        return DynamicAuthorization(self._access_servers.get(asked.access_server))

    async def _speeds(self, call: Call, asked: ChangeSession) -> dict[str, list[str]]:
        async with call.database.read() as session:
            subscriber = await aaa.find_subscriber(session, asked.user_name, call.context)
        if subscriber is None:
            raise NotFound("unknownSubscriber", "There is no such subscriber.", path="$.userName")
        speeds = vendor(self._access_servers.get(asked.access_server).vendor).attributes(subscriber)
        if not speeds:
            raise Invalid("nothingToChange", "The subscriber has no speeds, and no attributes are given.", path="$")
        return speeds


async def _told(call: Call, action: str, asked: EndSession, answer: Answer) -> Reply:
    """Who ended or changed whose session is kept, with what came of it."""
    told = Told(acknowledged=answer.acknowledged, reason=answer.reason, error_cause=answer.error_cause)
    async with call.unit_of_work() as uow:
        after = {"asked": msgspec.to_builtins(asked), "told": msgspec.to_builtins(told)}
        uow.audit(AuditEntry.of(call.context, action, "accessSession", asked.user_name, after=after))
    return Reply(200, told)

"""Disconnect-Request and CoA-Request towards access servers (RFC 5176): end a running session, or change it.

Suspending a subscriber keeps him out at his next log-in; only this ends the session he has.
"""

import asyncio
from collections.abc import Mapping, Sequence
from enum import IntEnum
from importlib.resources import as_file, files
from typing import Any

import msgspec
from pyrad.client import Client, Timeout
from pyrad.dictionary import Dictionary
from pyrad.packet import CoAACK, CoARequest, DisconnectACK, DisconnectRequest

from trunkline.adapters.radius.nas import Nas
from trunkline.kernel.errors import Invalid, Unavailable


class ErrorCause(IntEnum):
    """Error-Cause values (RFC 5176, 3.5) that say what to do next; others are given as numbers."""

    RESIDUAL_SESSION_CONTEXT_REMOVED = 201
    UNSUPPORTED_ATTRIBUTE = 401
    MISSING_ATTRIBUTE = 402
    NAS_IDENTIFICATION_MISMATCH = 403
    INVALID_REQUEST = 404
    UNSUPPORTED_SERVICE = 405
    UNSUPPORTED_EXTENSION = 406
    INVALID_ATTRIBUTE_VALUE = 407
    ADMINISTRATIVELY_PROHIBITED = 501
    REQUEST_NOT_ROUTABLE = 502
    SESSION_CONTEXT_NOT_FOUND = 503
    SESSION_CONTEXT_NOT_REMOVABLE = 504
    RESOURCES_UNAVAILABLE = 506
    REQUEST_INITIATED = 507


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the access server said.

    acknowledged  it did what was asked (ACK); False: it refused (NAK)
    error_cause   why not, where it says so
    """

    acknowledged: bool
    error_cause: int | None = None

    @property
    def no_such_session(self) -> bool:
        """The session is not there (any more): for a Disconnect as good as done."""
        return not self.acknowledged and self.error_cause == ErrorCause.SESSION_CONTEXT_NOT_FOUND

    @property
    def reason(self) -> str:
        """In words, for logs and answers."""
        if self.acknowledged:
            return "acknowledged"
        if self.error_cause is None:
            return "refused without a cause"
        known = {cause.value: cause.name.replace("_", " ").lower() for cause in ErrorCause}
        return known.get(self.error_cause, f"refused with cause {self.error_cause}")


class SessionName(msgspec.Struct, frozen=True, kw_only=True):
    """Which session is meant: by its id where it is known, else all of the user's."""

    user_name: str
    session_id: str | None = None
    framed_ip: str | None = None

    def attributes(self) -> dict[str, list[str]]:
        """As request attributes (RFC 5176, 3)."""
        named = {"User-Name": self.user_name, "Acct-Session-Id": self.session_id, "Framed-IP-Address": self.framed_ip}
        return {name: [value] for name, value in named.items() if value is not None}


class DynamicAuthorization:
    """A client of one access server. `timeout_s` a try, `tries` in all, the same packet each time."""

    def __init__(self, nas: Nas, *, timeout_s: int = 3, tries: int = 3) -> None:
        if nas.address is None or not nas.secret:
            raise Invalid(
                "noDynamicAuthorization",
                f"Access server {nas.name!r} has no address and secret for Disconnect and CoA.",
                hint="Add them to radius.toml in the installation's home.",
            )
        self._nas = nas
        self._address = nas.address
        self._secret = nas.secret.encode()
        self._timeout_s = timeout_s
        self._tries = tries
        self._dictionary = _dictionary()

    async def disconnect(self, session: SessionName) -> Answer:
        """End the session. Raises Unavailable when the access server does not answer: whether the session ended is not
        known then, and asking again is safe."""
        return await asyncio.to_thread(self._ask, DisconnectRequest, DisconnectACK, session.attributes())

    async def change(self, session: SessionName, attributes: Mapping[str, Sequence[str]]) -> Answer:
        """Change the running session, e.g. to another speed (`Vendor.attributes`). Raises Unavailable as `disconnect`,
        Invalid for an attribute that is not in the dictionary or a value that does not fit it."""
        return await asyncio.to_thread(self._ask, CoARequest, CoAACK, {**session.attributes(), **attributes})

    def _ask(self, code: int, acknowledgement: int, attributes: Mapping[str, Sequence[str]]) -> Answer:
        # pyrad waits in `poll`; one thread a request is enough for what an operator disconnects
        client = Client(server=self._address, coaport=self._nas.port, secret=self._secret, dict=self._dictionary)
        client.timeout, client.retries = self._timeout_s, self._tries
        try:
            reply = client.SendPacket(self._request(client, code, attributes))
        except (Timeout, OSError) as error:
            raise Unavailable(
                "accessServerSilent",
                f"Access server {self._nas.name!r} does not answer at {self._address}:{self._nas.port}.",
                message=f"Tried {self._tries} times, {self._timeout_s} s each. Whether it did it is not known; try again.",
            ) from error
        finally:
            client._CloseSocket()  # noqa: SLF001  # pyrad has no other way to close before it is collected
        cause = reply["Error-Cause"][0] if "Error-Cause" in reply else None
        return Answer(acknowledged=reply.code == acknowledgement, error_cause=cause)

    def _request(self, client: Client, code: int, attributes: Mapping[str, Sequence[str]]) -> Any:
        packet = client.CreateCoAPacket(code=code)
        for name, values in attributes.items():
            if not self._dictionary.has_key(name):
                raise Invalid("unknownAttribute", f"{name!r} is not in the dictionary.", path=f"$.{name}")
            number = self._dictionary[name].type == "integer"
            try:
                for value in values:
                    packet.AddAttribute(name, int(value) if number else value)
            except (ValueError, TypeError) as error:
                raise Invalid("invalidValue", f"{name} cannot hold {values!r}.", path=f"$.{name}") from error
        packet.add_message_authenticator()
        return packet


def _dictionary() -> Dictionary:
    with as_file(files("trunkline.adapters.radius").joinpath("dictionary")) as path:
        return Dictionary(str(path))

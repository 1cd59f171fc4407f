"""Disconnect and CoA against a real RADIUS server on the loopback, one with sessions and one that is silent."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from pyrad.dictionary import Dictionary
from pyrad.packet import CoAACK, CoANAK, DisconnectACK, DisconnectNAK, PacketError
from pyrad.server import RemoteHost, Server, ServerPacketError

from trunkline.adapters.radius.dynamic_authorization import Answer, DynamicAuthorization, ErrorCause, SessionName
from trunkline.adapters.radius.nas import Nas
from trunkline.kernel.errors import Invalid, Unavailable

SECRET = "s3cret"
ALICE = SessionName(user_name="alice", session_id="A1")


class AccessServer(Server):  # type: ignore[misc]  # pyrad has no types
    """Has one session, alice's A1; loses the first packet of each request when told to."""

    def __init__(self) -> None:
        dictionary = Dictionary(str(files("trunkline.adapters.radius").joinpath("dictionary")))
        hosts = {"127.0.0.1": RemoteHost("127.0.0.1", SECRET.encode(), "trunkline")}
        super().__init__(
            hosts=hosts, dict=dictionary, auth_enabled=False, acct_enabled=False, coa_enabled=True, coaport=0
        )
        self.BindToAddress("127.0.0.1")
        self.port: int = self.coafds[0].getsockname()[1]
        self.sessions = {("alice", "A1"): {"Mikrotik-Rate-Limit": "10M/20M"}}
        self.requests = 0
        self.lose = 0

    def HandleDisconnectPacket(self, pkt: Any) -> None:  # pyrad's name
        self._answer(pkt, DisconnectACK, DisconnectNAK, self.sessions.pop)

    def HandleCoaPacket(self, pkt: Any) -> None:  # pyrad's name
        def change(key: tuple[str, str]) -> None:
            self.sessions[key]["Mikrotik-Rate-Limit"] = pkt["Mikrotik-Rate-Limit"][0]

        self._answer(pkt, CoAACK, CoANAK, change)

    def _answer(self, pkt: Any, yes: int, no: int, act: Any) -> None:
        self.requests += 1
        if self.lose:
            self.lose -= 1
            return
        key = (pkt["User-Name"][0], pkt["Acct-Session-Id"][0])
        reply = self.CreateReplyPacket(pkt)
        if key in self.sessions and pkt.verify_message_authenticator():
            act(key)
            reply.code = yes
        else:
            reply.code = no
            reply.AddAttribute("Error-Cause", int(ErrorCause.SESSION_CONTEXT_NOT_FOUND))
        self.SendReplyPacket(pkt.fd, reply)

    def serve(self, stop: threading.Event) -> None:
        """As pyrad's `Run`, but it ends."""
        self._poll = select.poll()
        self._fdmap: dict[int, Any] = {}
        self._PrepareSockets()
        while not stop.is_set():
            for fd, _ in self._poll.poll(20):
                with contextlib.suppress(PacketError, ServerPacketError):
                    self._ProcessInput(self._fdmap[fd])
        for fd in self.coafds:
            fd.close()


@pytest.fixture
def server() -> Iterator[AccessServer]:
    running, stop = AccessServer(), threading.Event()
    thread = threading.Thread(target=running.serve, args=(stop,))
    thread.start()
    yield running
    stop.set()
    thread.join()


def client(port: int, *, secret: str = SECRET, tries: int = 3) -> DynamicAuthorization:
    nas = Nas(name="bng", vendor="mikrotik", address="127.0.0.1", port=port, secret=secret)
    return DynamicAuthorization(nas, timeout_s=1, tries=tries)


async def test_disconnect_ends_the_session_and_a_second_one_finds_none(server: AccessServer) -> None:
    assert await client(server.port).disconnect(ALICE) == Answer(acknowledged=True)
    assert server.sessions == {}
    again = await client(server.port).disconnect(ALICE)
    assert (again.acknowledged, again.error_cause, again.no_such_session) == (False, 503, True)
    assert again.reason == "session context not found"


async def test_change_gives_the_session_another_speed(server: AccessServer) -> None:
    answer = await client(server.port).change(ALICE, {"Mikrotik-Rate-Limit": ["1000k/2000k"]})
    assert answer.acknowledged
    assert server.sessions["alice", "A1"] == {"Mikrotik-Rate-Limit": "1000k/2000k"}


async def test_a_lost_packet_is_sent_again(server: AccessServer) -> None:
    server.lose = 1
    assert (await client(server.port).disconnect(ALICE)).acknowledged
    assert server.requests == 2


async def test_silence_and_a_wrong_secret_are_unavailable(server: AccessServer) -> None:
    with pytest.raises(Unavailable) as silent:
        await client(server.port, secret="other", tries=1).disconnect(ALICE)
    assert silent.value.retryable
    assert SECRET not in str(silent.value)
    assert server.sessions != {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable):
            await client(unused.getsockname()[1], tries=1).disconnect(ALICE)


async def test_what_the_dictionary_lacks_is_not_sent(server: AccessServer) -> None:
    for attributes in ({"Acme-Speed": ["1"]}, {"Session-Timeout": ["soon"]}, {"Session-Timeout": ["-1"]}):
        with pytest.raises(Invalid):
            await client(server.port).change(ALICE, attributes)
    assert server.requests == 0

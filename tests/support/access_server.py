"""A real RADIUS server on the loopback that takes Disconnect and CoA, where there is no laboratory."""

import contextlib
import select
import threading
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from pyrad.dictionary import Dictionary
from pyrad.packet import CoAACK, CoANAK, DisconnectACK, DisconnectNAK, PacketError
from pyrad.server import RemoteHost, Server, ServerPacketError

from trunkline.adapters.radius.dynamic_authorization import ErrorCause

SECRET = "s3cret"


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


@contextlib.contextmanager
def access_server() -> Iterator[AccessServer]:
    """One that serves until the end."""
    running, stop = AccessServer(), threading.Event()
    thread = threading.Thread(target=running.serve, args=(stop,))
    thread.start()
    try:
        yield running
    finally:
        stop.set()
        thread.join()

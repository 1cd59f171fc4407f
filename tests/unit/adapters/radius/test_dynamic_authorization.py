"""Disconnect and CoA against a real RADIUS server on the loopback, one with sessions and one that is silent."""

import socket
from collections.abc import Iterator

import pytest

from tests.support.access_server import SECRET, AccessServer, access_server
from trunkline.adapters.radius.dynamic_authorization import Answer, DynamicAuthorization, SessionName
from trunkline.adapters.radius.nas import Nas
from trunkline.kernel.errors import Invalid, Unavailable

ALICE = SessionName(user_name="alice", session_id="A1")


@pytest.fixture
def server() -> Iterator[AccessServer]:
    with access_server() as running:
        yield running


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

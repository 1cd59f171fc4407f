"""Callbacks must not reach into the operator's own network."""

import ipaddress

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.kernel.events.callback_address import Target, is_public, resolve


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *(
            "255.255.255.255",
            "192.0.2.1",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
        ),
        *(
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "2001:0:4136:e378:8000:63bf:f5ff:fffe",
        ),
    ],
)
def test_inner_addresses_are_known(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "193.0.6.139", "2a00:1450:4001:82a::200e", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_known(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/x", "http://localhost:8080/", "https://[::1]/", "http://2130706433/", "http://0x7f.1/"),
        *("http://10.0.0.8/", "http://[::ffff:192.168.0.1]/", "http://169.254.169.254/latest/meta-data"),
        *(
            "ftp://8.8.8.8/",
            "file:///etc/passwd",
            "//8.8.8.8/",
            "8.8.8.8",
            "http://",
            "http://:80/",
            "http://8.8.8.8:99999/",
        ),
        *(
            "http://user@8.8.8.8/",
            "http://a:b@8.8.8.8/",
            "http://8.8.8.8/#x",
            "http://8.8.8.8/a b",
            "http://8.8.8.8\\@x/",
        ),
        *("http://8.8.8.8/" + "a" * 1000, "http://8.8.8.8:0/", "http://no-such-host.invalid/", "http://[::1/"),
    ],
)
async def test_refused_callbacks(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        await resolve(url, allow_private=False)
    assert (refused.value.code, refused.value.path) == ("callbackRefused", "$.callback")


async def test_an_accepted_callback_is_pinned_to_its_address() -> None:
    assert await resolve("https://8.8.8.8/notify?x=1", allow_private=False) == Target(
        scheme="https", host="8.8.8.8", port=443, address="8.8.8.8", authority="8.8.8.8"
    )
    target = await resolve("http://localhost:8080/notify", allow_private=True)
    assert target.address in ("127.0.0.1", "::1")
    assert (target.host, target.port, target.authority) == ("localhost", 8080, "localhost:8080")

"""Where a callback may point: not into the operator's own network, unless the installation allows it.

A subscriber names the URL that Trunkline's server then calls. Without this check, whoever may subscribe could reach
services that only listen inside (server-side request forgery).
"""

import asyncio
import ipaddress
import socket
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

import msgspec

from trunkline.kernel.errors import Invalid

LENGTH = 1000
RESOLVE_TIMEOUT = timedelta(seconds=5)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Target(msgspec.Struct, frozen=True):
    """A callback whose host is resolved and checked: connect to `address`, speak as to `host`."""

    scheme: str
    host: str
    port: int
    address: str
    authority: str


def check_callback(url: str) -> SplitResult:
    """The parts of an acceptable callback URL. Raises Invalid with path `$.callback`; resolves nothing."""
    if len(url) > LENGTH or not url.isascii() or any(c.isspace() or ord(c) < 32 for c in url) or "\\" in url:
        raise refused(f"a URL has at most {LENGTH} printable ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise refused("it is not a URL") from None
    if parts.scheme not in ("http", "https"):
        raise refused("only http and https are called", allowed=("http", "https"))
    if not parts.hostname or port == 0:
        raise refused("it names no host")
    if parts.username is not None or parts.password is not None:
        raise refused("a URL must not hold credentials")
    if parts.fragment:
        raise refused("a fragment is never sent")
    return parts


async def resolve(url: str, *, allow_private: bool) -> Target:
    """Check the URL, resolve its host and check every address. Raises Invalid; the lookup has 5 s."""
    parts = check_callback(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT.total_seconds()):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        raise refused(f"the host {host} cannot be resolved") from None
    addresses = [ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in found]
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise refused(f"{host} is in a private, local or reserved network")
    chosen = addresses[0]
    return Target(parts.scheme, host, port, str(chosen), parts.netloc)


def is_public(address: _Address) -> bool:
    """Whether an address belongs to the public internet, also when it is wrapped (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv6Address):
        inner: _Address | None = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None:
            inner = address.teredo[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def refused(why: str, allowed: tuple[str, ...] | None = None) -> Invalid:
    """The error for a callback that is not called."""
    return Invalid(
        "callbackRefused",
        "This callback is not accepted.",
        message=f"{why[:1].upper()}{why[1:]}. Nothing was sent.",
        path="$.callback",
        hint="Give an http or https URL of a public host.",
        allowed=allowed,
    )

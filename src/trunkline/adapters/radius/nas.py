"""The access servers (NAS) this installation knows: what they are, and where they take Disconnect and CoA.

They are listed in `radius.toml` in the installation's home, which holds secrets and so must be readable by its owner only:

    [[nas]]
    name = "bng-1"            # its NAS-Identifier, else its address
    vendor = "mikrotik"       # one of the templates in `vendors`
    address = "10.255.0.13"
    port = 3799
    secret = "…"

An access server that is not listed is answered with the default vendor's attributes, and cannot be sent a Disconnect.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from trunkline.adapters.radius.vendor import DEFAULT_VENDOR, Vendor, vendor
from trunkline.kernel.errors import Invalid, NotFound

FILE = "radius.toml"
_OTHERS_MAY = 0o077


class Nas(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One access server. `port` is the one of RFC 5176."""

    name: str
    vendor: str = DEFAULT_VENDOR
    address: str | None = None
    port: int = 3799
    secret: str | None = None

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Nas(name={self.name!r}, vendor={self.vendor!r}, address={self.address!r}, port={self.port})"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    nas: tuple[Nas, ...] = ()


class AccessServers:
    """The listed access servers by name."""

    def __init__(self, listed: tuple[Nas, ...] = ()) -> None:
        for one in listed:
            vendor(one.vendor)
        self._by_name = {one.name: one for one in listed}

    @classmethod
    def of_home(cls, home: Path) -> "AccessServers":
        """Those of the installation's `radius.toml`; none without that file. Raises Invalid when others may read it,
        or for what is wrong in it."""
        path = home / FILE
        if not path.exists():
            return cls()
        if path.stat().st_mode & _OTHERS_MAY:
            raise Invalid(
                "secretsReadable", f"{path} holds secrets and may be read by others.", hint=f"chmod 600 {path}"
            )
        try:
            return cls(msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).nas)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise Invalid("invalidAccessServers", f"{path} cannot be used: {error}") from error

    def get(self, name: str) -> Nas:
        """The access server of that name. Raises NotFound."""
        if name not in self._by_name:
            raise NotFound("unknownAccessServer", f"Access server {name!r} is not listed in {FILE}.")
        return self._by_name[name]

    def vendor_of(self, attributes: Mapping[str, object]) -> Vendor:
        """The templates for the access server that sent a request."""
        for name in ("NAS-Identifier", "NAS-IP-Address", "NAS-IPv6-Address"):
            found = self._by_name.get(str(attributes.get(name, "")))
            if found is not None:
                return vendor(found.vendor)
        return vendor(DEFAULT_VENDOR)

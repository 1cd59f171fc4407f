"""Digital identities (TMF720): the record face. Credentials that open Trunkline itself are in `kernel.security`."""

from trunkline.kernel.digital_identity.entities import DIGITAL_IDENTITY, DigitalIdentity
from trunkline.kernel.tmf import LifeCycle, Resource

digital_identities = Resource(
    DigitalIdentity,
    DIGITAL_IDENTITY,
    domain="digital_identity",
    life_cycle=LifeCycle(
        attribute="status",
        initial="active",
        entry={"unknown"},
        moves={
            "unknown": {"active", "archived"},
            "active": {"suspended", "archived"},
            "suspended": {"active", "archived"},
        },
    ),
    hot=("nickname",),
)

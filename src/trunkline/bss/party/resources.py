"""Individuals and organizations (TMF632), with their consents.

A consent is a party characteristic whose name starts with "consent."; its value holds `given` and, as `at` and `channel`,
when and how it was given. Who contacts people asks `consents_of`.
"""

from trunkline.bss.party.entities import INDIVIDUAL, ORGANIZATION, Individual, Organization
from trunkline.kernel.tmf import Document, LifeCycle, Resource

CONSENT_PREFIX = "consent."

individuals = Resource(
    Individual,
    INDIVIDUAL,
    domain="party",
    life_cycle=LifeCycle(
        attribute="status",
        initial="initialized",
        entry={"validated"},
        moves={"initialized": {"validated", "deceased"}, "validated": {"deceased"}},
    ),
    hot=("familyName", "givenName"),
)

organizations = Resource(
    Organization,
    ORGANIZATION,
    domain="party",
    life_cycle=LifeCycle(
        attribute="status",
        initial="initialized",
        entry={"validated"},
        moves={"initialized": {"validated", "closed"}, "validated": {"closed"}},
    ),
    hot=("name",),
)


def consents_of(party: Document) -> dict[str, bool]:
    """Which purposes the party has consented to; a purpose that is not there was never asked for."""
    return {
        item["name"].removeprefix(CONSENT_PREFIX): bool(item.get("value", {}).get("given"))
        for item in party.get("partyCharacteristic", ())
        if item.get("name", "").startswith(CONSENT_PREFIX) and isinstance(item.get("value"), dict)
    }

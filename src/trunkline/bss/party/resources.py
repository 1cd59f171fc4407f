"""Individuals and organizations (TMF632), with their consents.

A consent is a party characteristic whose name starts with "consent."; its value holds `given` and, as `at` and `channel`,
when and how it was given. Who contacts people asks `consents_of`.
"""

from trunkline.bss.party.entities import (
    INDIVIDUAL,
    ORGANIZATION,
    PARTY_PRIVACY_AGREEMENT,
    PARTY_PRIVACY_PROFILE,
    PARTY_PRIVACY_PROFILE_SPECIFICATION,
    PARTY_ROLE,
    PARTY_ROLE_SPECIFICATION,
    Individual,
    Organization,
    PartyPrivacyAgreement,
    PartyPrivacyProfile,
    PartyPrivacyProfileSpecification,
    PartyRole,
    PartyRoleSpecification,
)
from trunkline.kernel.tmf import Document, LifeCycle, Reference, Resource
from trunkline.kernel.tmf.life_cycle import SPECIFICATION_LIFE_CYCLE

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


PARTIES = (individuals, organizations)
_AGREEMENT_LIFE_CYCLE = LifeCycle(
    attribute="status",
    initial="inProcess",
    entry={"approved"},
    moves={"inProcess": {"approved", "rejected"}, "approved": {"terminated", "expired"}},
)

party_role_specifications = Resource(
    PartyRoleSpecification,
    PARTY_ROLE_SPECIFICATION,
    domain="party",
    life_cycle=LifeCycle(
        attribute="status",
        initial="inDesign",
        entry={"active"},
        moves={"inDesign": {"active", "rejected"}, "active": {"retired"}, "retired": {"active", "obsolete"}},
    ),
    hot=("name",),
)

party_roles = Resource(
    PartyRole,
    PARTY_ROLE,
    domain="party",
    life_cycle=LifeCycle(
        attribute="status",
        initial="initialized",
        entry={"validated", "active"},
        moves={
            "initialized": {"validated", "active", "closed"},
            "validated": {"active", "closed"},
            "active": {"suspended", "closed"},
            "suspended": {"active", "closed"},
        },
    ),
    hot=("name",),
    references=(
        Reference(
            "engagedParty",
            to=(
                individuals,
                organizations,
            ),
        ),
        Reference("partyRoleSpecification", to=(party_role_specifications,)),
    ),
)

party_privacy_profile_specifications = Resource(
    PartyPrivacyProfileSpecification,
    PARTY_PRIVACY_PROFILE_SPECIFICATION,
    domain="party",
    life_cycle=SPECIFICATION_LIFE_CYCLE,
    hot=("name",),
)

party_privacy_agreements = Resource(
    PartyPrivacyAgreement,
    PARTY_PRIVACY_AGREEMENT,
    domain="party",
    life_cycle=_AGREEMENT_LIFE_CYCLE,
    hot=("name",),
    references=(
        Reference(
            "engagedParty[*]",
            to=(
                individuals,
                organizations,
                party_roles,
            ),
        ),
    ),
)

party_privacy_profiles = Resource(
    PartyPrivacyProfile,
    PARTY_PRIVACY_PROFILE,
    domain="party",
    life_cycle=LifeCycle(
        attribute="status",
        initial="created",
        entry={"active"},
        moves={"created": {"active", "terminated"}, "active": {"terminated"}},
    ),
    references=(
        Reference(
            "agreedByParty.partyOrPartyRole",
            to=(
                individuals,
                organizations,
                party_roles,
            ),
        ),
        Reference("partyPrivacyProfileSpecification", to=(party_privacy_profile_specifications,)),
    ),
)

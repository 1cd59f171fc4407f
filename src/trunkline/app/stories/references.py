"""How TMF documents name each other: the small pieces that requests of all stories are made of."""

from typing import Any


def party(customer_id: str) -> dict[str, Any]:
    """A customer as related party."""
    role = {"@type": "PartyRoleRef", "@referredType": "Customer", "id": customer_id}
    return {"@type": "RelatedPartyRefOrPartyRoleRef", "role": "customer", "partyOrPartyRole": role}


def offering(offering_id: str) -> dict[str, Any]:
    """A product offering."""
    return {"@type": "ProductOfferingRef", "id": offering_id}


def product_at(place_id: str) -> dict[str, Any]:
    """A product for a place: a geographic address or site."""
    place = {"@type": "PlaceRef", "id": place_id, "role": "service address"}
    return {
        "@type": "Product",
        "place": [{"@type": "RelatedPlaceRefOrValue", "role": "service address", "place": place}],
    }

"""Generation 4 beside generation 5: what is stored once is shown in both forms, and nothing is lost on the way."""

import pytest

from trunkline.bss.customer.entities import CUSTOMER
from trunkline.bss.product_catalog.entities import CATEGORY, PRODUCT_CATALOG, PRODUCT_SPECIFICATION
from trunkline.bss.product_inventory.entities import PRODUCT
from trunkline.bss.product_ordering.entities import PRODUCT_ORDER
from trunkline.bss.sales.entities import QUOTE
from trunkline.kernel.tmf.document import Document, decode, encode
from trunkline.kernel.tmf.entity import EntityInfo
from trunkline.kernel.tmf.face import Face, older_text
from trunkline.oss.resource_inventory.entities import RESOURCE

PAIRS: list[tuple[EntityInfo, Document, Document]] = [
    (
        CUSTOMER,
        {
            "name": "Ada",
            "engagedParty": {"id": "p1", "@referredType": "Individual", "@type": "PartyRef"},
            "relatedParty": [
                {
                    "role": "agent",
                    "partyOrPartyRole": {"id": "p2", "name": "Eve", "@referredType": "Individual"},
                    "@type": "RelatedPartyOrPartyRole",
                }
            ],
            "contactMedium": [{"@type": "EmailContactMedium", "contactType": "home", "emailAddress": "a@example.com"}],
        },
        {
            "name": "Ada",
            "engagedParty": {"id": "p1", "@referredType": "Individual", "@type": "PartyRef"},
            "relatedParty": [
                {"role": "agent", "id": "p2", "name": "Eve", "@referredType": "Individual", "@type": "RelatedParty"}
            ],
            "contactMedium": [
                {
                    "@type": "EmailContactMedium",
                    "mediumType": "home",
                    "characteristic": {"emailAddress": "a@example.com"},
                }
            ],
        },
    ),
    (
        PRODUCT_CATALOG,
        {"@type": "ProductCatalog", "name": "2026", "unknown": {"relatedParty": [1]}},
        {"@type": "Catalog", "name": "2026", "unknown": {"relatedParty": [1]}},
    ),
    (
        CATEGORY,
        {"name": "Fibre", "parent": {"id": "c0"}},
        {"name": "Fibre", "parentId": "c0"},
    ),
    (
        PRODUCT_SPECIFICATION,
        {"productSpecCharacteristic": [{"name": "rate", "characteristicValueSpecification": [{"value": 500}]}]},
        {"productSpecCharacteristic": [{"name": "rate", "productSpecCharacteristicValue": [{"value": 500}]}]},
    ),
    (
        PRODUCT_ORDER,
        {
            "creationDate": "2026-06-01T00:00:00.000Z",
            "productOrderItem": [
                {
                    "id": "1",
                    "product": {
                        "place": [
                            {"role": "installation", "place": {"id": "a1", "@referredType": "GeographicAddress"}}
                        ],
                        "productRelationship": [{"relationshipType": "reliesOn", "id": "p9"}],
                    },
                    "productOrderItem": [{"id": "1.1", "product": {"productPrice": [{"priceAlteration": [{"x": 1}]}]}}],
                }
            ],
        },
        {
            "orderDate": "2026-06-01T00:00:00.000Z",
            "productOrderItem": [
                {
                    "id": "1",
                    "product": {
                        "place": [{"role": "installation", "id": "a1", "@referredType": "GeographicAddress"}],
                        "productRelationship": [{"relationshipType": "reliesOn", "product": {"id": "p9"}}],
                    },
                    "productOrderItem": [
                        {"id": "1.1", "product": {"productPrice": [{"productPriceAlteration": [{"x": 1}]}]}}
                    ],
                }
            ],
        },
    ),
    (QUOTE, {"externalIdentifier": [{"id": "Q-7"}]}, {"externalId": "Q-7"}),
    (
        RESOURCE,
        {"place": [{"role": "site", "place": {"id": "s1"}}]},
        {"place": {"role": "site", "id": "s1"}},
    ),
]


def face_of(info: EntityInfo) -> Face:
    """The resource's generation 4 form."""
    assert info.face is not None
    return info.face


@pytest.mark.parametrize(("info", "stored", "shown"), PAIRS, ids=[info.resource for info, _, _ in PAIRS])
def test_each_form_is_the_other_one(info: EntityInfo, stored: Document, shown: Document) -> None:
    face = face_of(info)
    assert face.older(stored) == shown
    assert face.newer(shown) == stored
    assert decode(older_text(face, ("/v5/", "/v4/"))(encode(stored).decode())) == shown


def test_href_names_the_generation_that_was_asked() -> None:
    show = older_text(
        face_of(CUSTOMER), ("/tmf-api/customerManagement/v5/customer", "/tmf-api/customerManagement/v4/customer")
    )
    text = '{"id": "1", "href": "/tmf-api/customerManagement/v5/customer/1", "relatedParty": []}'
    assert decode(show(text))["href"] == "/tmf-api/customerManagement/v4/customer/1"


def test_an_edit_keeps_what_generation_4_cannot_say() -> None:
    before = {
        "place": [{"role": "a", "place": {"id": "1", "@type": "SiteRef"}}, {"role": "b", "place": {"id": "2"}}],
        "externalIdentifier": [{"id": "x", "owner": "y"}],
        "description": "old",
    }
    after = face_of(RESOURCE).edited(before, lambda shown: {**shown, "description": "new"})
    assert after == {**before, "description": "new"}
    moved = face_of(RESOURCE).edited(before, lambda shown: {**shown, "place": {"role": "c", "id": "3"}})
    assert moved["place"] == [{"role": "c", "place": {"id": "3"}}]
    removed = face_of(RESOURCE).edited(before, lambda shown: {k: v for k, v in shown.items() if k != "place"})
    assert "place" not in removed


@pytest.mark.parametrize(
    ("info", "older", "newer"),
    [
        (CUSTOMER, "relatedParty.id", "relatedParty.partyOrPartyRole.id"),
        (CUSTOMER, "relatedParty.role", "relatedParty.role"),
        (CUSTOMER, "contactMedium.characteristic.emailAddress", "contactMedium.emailAddress"),
        (PRODUCT_ORDER, "orderDate", "creationDate"),
        (PRODUCT_ORDER, "productOrderItem.product.place.id", "productOrderItem.product.place.place.id"),
        (QUOTE, "externalId", "externalIdentifier.id"),
        (PRODUCT, "productCharacteristic.rate", "productCharacteristic.rate"),
        (CATEGORY, "parentId", "parent.id"),
    ],
)
def test_filters_reach_what_generation_4_names(info: EntityInfo, older: str, newer: str) -> None:
    assert face_of(info).newer_path(older) == newer


@pytest.mark.parametrize(
    ("info", "newer", "older"),
    [
        (CUSTOMER, "$.relatedParty[0].partyOrPartyRole.id", "$.relatedParty[0].id"),
        (CUSTOMER, "$.contactMedium[1].emailAddress", "$.contactMedium[1].characteristic.emailAddress"),
        (PRODUCT_ORDER, "$.creationDate", "$.orderDate"),
        (PRODUCT_ORDER, "$.productOrderItem[2].product.place[0].place.id", "$.productOrderItem[2].product.place[0].id"),
        (CUSTOMER, "$", "$"),
    ],
)
def test_errors_name_what_the_client_sent(info: EntityInfo, newer: str, older: str) -> None:
    assert face_of(info).older_path(newer) == older

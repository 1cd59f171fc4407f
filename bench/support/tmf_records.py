"""The records that bench.tmf_api measures with: products of customers, 20 each, and individuals to create."""

import random

import asyncpg

from trunkline.kernel.tmf.document import Document, decode, encode, tokens_of

TENANT = "default"
PRODUCTS_EACH = 20
_DAY = "2026-06-01T09:00:00.000Z"
_INSERT = """insert into product_inventory.product
   (tenant, id, version, state, created_at, updated_at, tokens, doc, name, start_date, termination_date)
 select $1, r.id, 1, 'active', $2::text::timestamptz, $2::text::timestamptz,
        replace(replace($3, '@owner', r.owner), '@id', r.id)::text[],
        replace(replace($4, '@owner', r.owner), '@id', r.id)::jsonb, 'Fibre 1000', $2::text::timestamptz, null
   from (select '01980000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') as id, (100000 + n % $6)::text as owner
           from generate_series($5::int, $7::int) n) r"""
_SCATTERED = ("ix_product_state", "ix_product_tokens", "ix_product_name", "ix_product_start_date")


def product() -> Document:
    """A product as an order leaves it, 1.6 kB of JSON; "@id" and "@owner" stand where each record has its own."""
    return {
        "id": "@id",
        "href": "/tmf-api/productInventoryManagement/v5/product/@id",
        "@type": "Product",
        "name": "Fibre 1000",
        "description": "Fibre to the home with 1000 Mbit/s down and 500 Mbit/s up, router included",
        "status": "active",
        "isBundle": False,
        "isCustomerVisible": True,
        "creationDate": _DAY,
        "orderDate": _DAY,
        "startDate": _DAY,
        "productSerialNumber": "SN-@id",
        "relatedParty": [_party("@owner", "Customer"), _party("dealer-7", "Dealer")],
        "productOffering": {"id": "fibre-1000", "name": "Fibre 1000", "version": "3", "@type": "ProductOfferingRef"},
        "billingAccount": {"id": "account-@owner", "name": "Main account", "@type": "BillingAccountRef"},
        "productCharacteristic": [
            {"name": name, "value": value, "valueType": "string", "@type": "StringCharacteristic"}
            for name, value in (("downstream", "1000 Mbit/s"), ("upstream", "500 Mbit/s"), ("contractTerm", "P24M"))
        ],
        "productPrice": [
            {
                "name": "Monthly fee",
                "priceType": "recurring",
                "recurringChargePeriod": "P1M",
                "price": {
                    "taxRate": 19,
                    "dutyFreeAmount": {"unit": "EUR", "value": 41.97},
                    "taxIncludedAmount": {"unit": "EUR", "value": 49.94},
                    "@type": "Price",
                },
                "@type": "ProductPrice",
            }
        ],
    }


def individual(number: int) -> Document:
    """A person as a shop takes them in, 1.6 kB of JSON."""
    return {
        "@type": "Individual",
        "familyName": f"Line {number}",
        "givenName": "Ada",
        "birthDate": "1990-05-17T00:00:00Z",
        "countryOfBirth": "DE",
        "preferredGivenName": "Ada",
        "placeOfBirth": "Freiburg im Breisgau",
        "contactMedium": [
            {
                "@type": "GeographicAddressContactMedium",
                "contactType": "homeAddress",
                "preferred": True,
                "street1": f"Lindenallee {number}",
                "city": "Freiburg im Breisgau",
                "postCode": "79098",
                "country": "DE",
                "validFor": {"startDateTime": _DAY},
            },
            {
                "@type": "EmailContactMedium",
                "contactType": "email",
                "preferred": False,
                "emailAddress": f"ada.{number}@example.org",
                "validFor": {"startDateTime": _DAY},
            },
            {
                "@type": "PhoneContactMedium",
                "contactType": "mobile",
                "preferred": False,
                "phoneNumber": f"+49 761 {number:07d}",
                "validFor": {"startDateTime": _DAY},
            },
        ],
        "partyCharacteristic": [
            {
                "@type": "ObjectCharacteristic",
                "name": f"consent.{purpose}",
                "valueType": "object",
                "value": {
                    "given": purpose == "billing",
                    "at": _DAY,
                    "channel": "shop",
                    "text": f"consent-{purpose}-2026",
                },
            }
            for purpose in ("billing", "marketing", "profiling")
        ],
        "externalReference": [
            {
                "@type": "ExternalIdentifier",
                "id": f"CRM-{number:08d}",
                "externalIdentifierType": "customerNumber",
                "owner": "former billing system",
            }
        ],
        "languageAbility": [
            {"@type": "LanguageAbility", "languageCode": "de", "languageName": "German", "isFavouriteLanguage": True}
        ],
    }


async def load_products(connection: "asyncpg.Connection[asyncpg.Record]", rows: int) -> None:
    """Fill the table; a customer's products lie scattered over it. Its indexes are made after the rows."""
    indexes = [
        await connection.fetchval("select pg_get_indexdef($1::regclass)", f"product_inventory.{name}")
        for name in _SCATTERED
    ]
    for name in _SCATTERED:
        await connection.execute(f"drop index product_inventory.{name}")
    template = product()
    tokens = "{" + ",".join(f'"{token}"' for token in tokens_of(template, ("productOrderItem.orderId",))) + "}"
    owners = max(1, rows // PRODUCTS_EACH)
    text = encode(template).decode()
    await connection.execute(_INSERT, TENANT, _DAY, tokens, text, 0, owners, rows - 1, timeout=900)
    for statement in indexes:
        await connection.execute(statement, timeout=900)
    await connection.execute("vacuum (analyze) product_inventory.product", timeout=900)


def owners_of(rows: int, count: int) -> list[str]:
    """Customers to ask for, drawn evenly with a fixed seed."""
    draw = random.Random(20)
    return [str(100_000 + draw.randrange(max(1, rows // PRODUCTS_EACH))) for _ in range(count)]


def _party(id_: str, role: str) -> Document:
    return {
        "role": role,
        "partyOrPartyRole": {"id": id_, "name": f"{role} {id_}", "@type": "PartyRef", "@referredType": "Individual"},
        "@type": "RelatedPartyOrPartyRole",
    }


def octets(document: Document) -> int:
    """Length of the document as JSON."""
    return len(encode(decode(encode(document))))

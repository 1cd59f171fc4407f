"""The OpenAPI documents: valid, complete, and true about what is accepted."""

import re
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.conftest import listed_endpoints
from tests.support.installation import Installation
from trunkline.app import wiring
from trunkline.kernel.tmf.catalogue import served_apis

SERVED = served_apis(wiring.declared())
DOCUMENTS = ["/openapi.json", *(f"{api.path}/openapi.json" for api in SERVED[::12])]
"""The whole, which holds what is in each, and some of the parts."""
METHODS = {"get", "post", "put", "patch", "delete"}


async def read(at: Installation, path: str) -> dict[str, Any]:
    async with at.client("") as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("path", DOCUMENTS[1:])
async def test_a_document_is_valid(at: Installation, path: str) -> None:
    assert list(OpenAPIV31SpecValidator(await read(at, path)).iter_errors()) == []


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_a_document_is_well_formed(at: Installation, path: str) -> None:
    """Structure of OpenAPI 3.1 (§4.8), its schemas by the meta-schema that it names: JSON Schema 2020-12."""
    document = await read(at, path)
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"]
    assert document["info"]["version"]
    assert document["paths"]
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        jsonschema.Draft202012Validator.check_schema(schema)
    assert references(document) <= {f"#/components/schemas/{name}" for name in schemas}
    seen, inline = set(), []
    for place, item in document["paths"].items():
        assert place.startswith("/")
        assert set(item) <= METHODS
        for operation in item.values():
            seen.add(operation["operationId"])
            assert operation["summary"]
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", place))
            assert all(one["required"] for one in operation["parameters"] if one["in"] == "path")
            assert all(re.fullmatch(r"[1-5]\d\d", code) for code in operation["responses"])
            assert any(code.startswith("2") for code in operation["responses"])
            for answer in operation["responses"].values():
                assert answer["description"]
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            inline += [content["schema"] for body in bodies for content in body.get("content", {}).values()]
    for schema in {str(schema): schema for schema in inline}.values():  # most are the same reference
        jsonschema.Draft202012Validator.check_schema(schema)
    assert len(seen) == sum(len(item) for item in document["paths"].values())


async def test_every_endpoint_is_in_the_whole_document_and_says_whether_it_is_public(at: Installation) -> None:
    document = await read(at, "/openapi.json")
    written = {
        (method.upper(), path): item for path, paths in document["paths"].items() for method, item in paths.items()
    }
    listed = {(endpoint.method, endpoint.path): endpoint for endpoint in listed_endpoints()}
    assert set(written) == set(listed)
    for place, endpoint in listed.items():
        assert (written[place].get("security") == []) is endpoint.public


async def test_every_record_endpoint_is_in_its_apis_document(at: Installation) -> None:
    for api in SERVED:
        document = await read(at, f"{api.path}/openapi.json")
        for mount in api.mounts:
            assert mount.path in document["paths"]


def properties_of(document: dict[str, Any], path: str) -> set[str]:
    """The attributes of what a collection lists."""
    content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    name = content["schema"]["items"]["$ref"].removeprefix("#/components/schemas/")
    return set(document["components"]["schemas"][name]["properties"])


async def test_classes_of_one_name_keep_their_own_schemas(at: Installation) -> None:
    """Two domains may each have a PlaceRefOrValue; neither takes the other's attributes."""
    whole = await read(at, "/openapi.json")
    for api in SERVED:
        own = await read(at, f"{api.path}/openapi.json")
        for mount in api.mounts:
            if "list" in mount.operations:
                assert properties_of(own, mount.path) == properties_of(whole, mount.path), mount.path


async def test_what_is_answered_fits_its_schema(at: Installation) -> None:
    document = await read(at, "/openapi.json")
    price = {
        "name": "Monthly",
        "priceType": "recurring",
        "lifecycleStatus": "In study",
        "price": {"unit": "EUR", "value": "12.30"},
        "validFor": {"startDateTime": "2026-01-01t00:00:00z"},
    }
    async with at.client() as client:
        made = await client.post("/tmf-api/productCatalogManagement/v5/productOfferingPrice", json=price)
        missing = await client.get("/tmf-api/productCatalogManagement/v5/productOfferingPrice/none")
    assert made.status_code == 201, made.text
    whole = {"components": document["components"]}
    for schema, body in (("ProductOfferingPrice", made.json()), ("Error", missing.json())):
        jsonschema.validate(body, {"$ref": f"#/components/schemas/{schema}", **whole})
    wrong = {**made.json(), "price": {"unit": "EUR", "value": "12.30"}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, {"$ref": "#/components/schemas/ProductOfferingPrice", **whole})

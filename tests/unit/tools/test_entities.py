"""The entity generator, on a small contract of our own: what it makes of schemas, paths and generations."""

from typing import Any

import pytest

from tools.entities.contract import Contract
from tools.entities.conventions import Conventions
from tools.entities.facts import resources_of
from tools.entities.render import camel, python_name
from tools.entities.shapes import ANY, Shapes, Type, common


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(*parts: str, required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    own = {"type": "object", "properties": properties, "required": list(required)}
    return {"allOf": [*map(_ref, parts), own]} if parts else own


TEXT = {"type": "string"}
EXTENSIBLE = {"@type": TEXT, "@baseType": TEXT, "@schemaLocation": TEXT}
SCHEMAS: dict[str, Any] = {
    "Extensible": _object(required=("@type",), **EXTENSIBLE),
    "Order": _object(
        "Extensible",
        state=_ref("OrderStateType"),
        item={"type": "array", "items": _ref("OrderItem")},
        size={"type": "integer"},
        due={"type": "string", "format": "date-time"},
        lost=_ref("NeverDefined"),
        lastUpdate=TEXT,
    ),
    "Order_FVO": _object(
        "Extensible",
        required=("item", "id", "lastUpdate"),
        item={"type": "array", "items": _ref("OrderItem_FVO")},
        onlyAtFirst=TEXT,
    ),
    "Order_MVO": _object(
        "Extensible", state=_ref("OrderStateType"), item={"type": "array", "items": _ref("OrderItem")}
    ),
    "OrderStateType": {"type": "string", "enum": ["begun", "done"]},
    "OrderItem": _object(
        "Extensible", product=_ref("ProductRefOrValue"), item={"type": "array", "items": _ref("OrderItem")}
    ),
    "OrderItem_FVO": _object("Extensible", required=("action", "id"), action=TEXT, id=TEXT),
    "ProductRefOrValue": {"oneOf": [_ref("Product"), _ref("ProductRef")]},
    "Product": _object("Extensible", required=("colour",), id=TEXT, colour=TEXT, weight={"type": "integer"}),
    "ProductRef": _object(
        "Extensible", required=("id",), id=TEXT, weight={"type": "number"}, colour={"type": "boolean"}
    ),
    "Value": {
        **_object("Extensible", name=TEXT),
        "discriminator": {
            "propertyName": "@type",
            "mapping": {name: f"#/components/schemas/{name}" for name in ("Value", "TextValue", "NumberValue")},
        },
    },
    "TextValue": _object("Value", value=TEXT),
    "NumberValue": _object("Value", value={"type": "number"}),
}
PATHS: dict[str, Any] = {
    "/order": {"get": {}, "post": {}},
    "/order/{id}": {"get": {}, "patch": {}, "delete": {}},
    "/order/{orderId}/orderItem": {"get": {}},
    "/hub": {"post": {}},
    "/listener/orderCreateEvent": {"post": {}},
    "/listener/orderItemCreateEvent": {"post": {}},
}
CONVENTIONS = Conventions(
    {"RelatedParty": "RelatedPartyRefOrPartyRoleRef"}, {"externalId": ("externalIdentifier", "ExternalIdentifier")}
)


@pytest.fixture
def shapes() -> Shapes:
    return Shapes(Contract(number=999, generation=5, version="5.0.0", file="ours", schemas=SCHEMAS, paths=PATHS))


def test_inheritance_is_flattened_and_attributes_get_their_types(shapes: Shapes) -> None:
    assert shapes.shape("Order").attributes == {
        **dict.fromkeys(EXTENSIBLE, Type("string")),
        "state": Type("string"),
        "item": Type("entity", many=True, entity="OrderItem"),
        "size": Type("integer"),
        "due": Type("datetime"),
        "lost": ANY,
        "lastUpdate": Type("string"),
    }


def test_alternatives_become_one_shape_that_asks_only_for_what_all_ask_for(shapes: Shapes) -> None:
    choice = shapes.shape("ProductRefOrValue")
    assert choice.attributes["weight"] == Type("number")
    assert choice.attributes["colour"] == ANY
    assert choice.required == {"@type"}


def test_sub_types_of_a_discriminator_are_merged_but_not_into_each_other(shapes: Shapes) -> None:
    assert shapes.shape("Value").attributes["value"] == ANY
    assert shapes.shape("TextValue").attributes["value"] == Type("string")


def test_what_only_the_create_form_has_is_kept(shapes: Shapes) -> None:
    assert shapes.resource("Order").attributes["onlyAtFirst"] == Type("string")
    assert "onlyAtFirst" not in shapes.shape("Order").attributes


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Type("integer"), Type("number"), Type("number")),
        (Type("datetime"), Type("string"), Type("string")),
        (Type("string"), Type("string", many=True), ANY),
        (Type("entity", entity="A"), Type("entity", entity="B"), ANY),
        (Type("string", many=True), Type("boolean", many=True), Type("any", many=True)),
    ],
)
def test_the_common_type_is_the_narrowest(one: Type, other: Type, both: Type) -> None:
    assert common(one, other) == both
    assert common(other, one) == both


def test_a_contract_tells_of_its_resources(shapes: Shapes) -> None:
    order, item = resources_of(shapes, CONVENTIONS, lambda entity, known: known.shape(entity).required, {})
    assert order.required == ("item", "item.action", "item.id")
    assert (order.state_attribute, order.states) == ("state", ("begun", "done"))
    assert order.operations == ("create", "list", "retrieve", "patch", "delete")
    assert order.patch_forbidden == ("due", "href", "id", "lastUpdate", "lost", "size")
    assert order.events == ("OrderCreateEvent",)
    assert (item.name, item.parent, item.operations) == ("OrderItem", "order", ("list",))
    assert item.events == ("OrderItemCreateEvent",)


def test_the_table_can_name_another_state_attribute(shapes: Shapes) -> None:
    order, _ = resources_of(shapes, CONVENTIONS, lambda *_: frozenset(), {"Order": "phase"})
    assert (order.state_attribute, order.states) == ("phase", ())


def test_generation_4_comes_into_the_terms_of_generation_5() -> None:
    brought = CONVENTIONS.bring(
        {
            "externalId": Type("string"),
            "relatedParty": Type("entity", many=True, entity="RelatedParty"),
            "size": Type("integer"),
        }
    )
    assert brought == {
        "externalIdentifier": Type("entity", many=True, entity="ExternalIdentifier"),
        "relatedParty": Type("entity", many=True, entity="RelatedPartyRefOrPartyRoleRef"),
        "size": Type("integer"),
        **dict.fromkeys(EXTENSIBLE, Type("string")),
    }


@pytest.mark.parametrize(
    ("wire", "python", "round_trip"),
    [
        ("startDateTime", "start_date_time", True),
        ("@referredType", "at_referred_type", False),
        ("BillCycleSpecification", "bill_cycle_specification", False),
        ("isURI", "is_uri", False),
        ("class", "class_", True),
        ("date", "date_", True),
    ],
)
def test_names_are_snake_case_and_carry_the_wire_name_where_it_does_not_follow(
    wire: str, python: str, round_trip: bool
) -> None:
    assert python_name(wire) == python
    assert (camel(python) == wire) is round_trip

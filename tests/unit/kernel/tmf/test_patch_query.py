"""JSON Patch Query: the places that a path selects, and what is refused."""

from decimal import Decimal
from typing import Any

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.patch_query import json_patch_query

ORDER: dict[str, Any] = {
    "id": "o1",
    "note": [{"text": "a"}, {"text": "b"}, {"text": "a"}],
    "orderItem": [
        {
            "quantity": 1,
            "offering": {"id": "1513"},
            "party": [{"role": "customer", "name": "Mary"}, {"role": "user", "name": "Ann"}],
        },
        {
            "quantity": 2,
            "offering": {"id": "1514"},
            "party": [{"role": "customer", "name": "Joe"}],
            "price": Decimal("5.50"),
        },
    ],
}


def changed(*operations: dict[str, Any]) -> dict[str, Any]:
    return json_patch_query(ORDER, list(operations))


@pytest.mark.parametrize(
    "path",
    [
        "/orderItem/quantity?orderItem.offering.id=1513",
        "/orderItem/quantity?orderItem.offering.id=1513&orderItem.party.role=customer&orderItem.party.name=Mary",
        "$.orderItem[?(@.offering.id=='1513')].quantity",
        "$.orderItem[?@.party[?@.name=='Mary']].quantity",
        "/orderItem/0/quantity",
    ],
)
def test_an_element_is_chosen_by_what_it_holds(path: str) -> None:
    found = changed({"op": "replace", "path": path, "value": 25})
    assert [item["quantity"] for item in found["orderItem"]] == [25, 2]
    assert ORDER["orderItem"][0]["quantity"] == 1


def test_conditions_reach_the_arrays_on_the_way() -> None:
    path = "/orderItem/party/name?orderItem.party.role=customer"
    found = changed({"op": "replace", "path": path, "value": "X"})
    assert [[party["name"] for party in item["party"]] for item in found["orderItem"]] == [["X", "Ann"], ["X"]]


@pytest.mark.parametrize("path", ["/note?note.text=a", "$.note[?@.text=='a']"])
def test_all_elements_that_match_are_removed(path: str) -> None:
    assert changed({"op": "remove", "path": path})["note"] == [{"text": "b"}]


@pytest.mark.parametrize("path", ["/orderItem/colour?orderItem.offering.id=1514", "$.orderItem[?@.price > 5].colour"])
def test_what_is_not_there_yet_is_added(path: str) -> None:
    found = changed({"op": "add", "path": path, "value": "red"})
    assert [item.get("colour") for item in found["orderItem"]] == [None, "red"]
    assert found["orderItem"][1]["price"] == Decimal("5.50")


def test_operations_see_what_those_before_them_did() -> None:
    found = changed(
        {"op": "replace", "path": "/note?note.text=b", "value": {"text": "c"}},
        {"op": "test", "path": "$.note[?@.text=='c'].text", "value": "c"},
        {"op": "move", "from": "/note?note.text=c", "path": "/last"},
    )
    assert (found["last"], found["note"]) == ({"text": "c"}, [{"text": "a"}, {"text": "a"}])


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/orderItem/quantity?orderItem.offering.id=0", "value": 1},
        {"op": "replace", "path": "$.orderItem[?@.offering.id=='0'].quantity", "value": 1},
        {"op": "replace", "path": "/orderItem/quantity?note.text=a", "value": 1},
        {"op": "replace", "path": "/orderItem/quantity?=1", "value": 1},
        {"op": "replace", "path": "orderItem?orderItem.x=1", "value": 1},
        {"op": "replace", "path": "$.orderItem[?@.x =~ /(a+)+b/]", "value": 1},
        {"op": "replace", "path": "$.orderItem[?match(@.x, '(a+)+b')]", "value": 1},
        {"op": "replace", "path": "$.orderItem[?", "value": 1},
        {"op": "replace", "path": "$.note | $.orderItem", "value": 1},
        {"op": "replace", "path": "$" + ".x" * 1001, "value": 1},
        {"op": "copy", "from": "/note?note.text=a", "path": "/x"},
        {"op": "test", "path": "/note/text?note.text=a", "value": "b"},
        {"op": "replace", "path": 1, "value": 1},
        {"path": "/note?note.text=a"},
        [],
    ],
)
def test_what_does_not_apply_is_refused_with_its_place(operation: Any) -> None:
    with pytest.raises(Invalid) as refused:
        json_patch_query(ORDER, [{"op": "test", "path": "/id", "value": "o1"}, operation])
    assert (refused.value.code, refused.value.path) == ("invalidPatch", "$[1]")


@pytest.mark.parametrize("operations", [{}, None, [{"op": "test", "path": "/id", "value": "o1"}] * 201])
def test_a_patch_is_an_array_with_a_limit(operations: Any) -> None:
    with pytest.raises(Invalid):
        json_patch_query(ORDER, operations)

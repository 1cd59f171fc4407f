"""Documents: merge patch, JSON Patch, fields, tokens; numbers stay exact."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.document import decode, difference, encode, json_patch, merge_patch, select_fields, tokens_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_follows_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_merging_a_document_into_itself_leaves_only_its_nulls_out(document: dict[str, Any]) -> None:
    once = merge_patch({}, document)
    assert merge_patch(once, document) == once


def test_prices_pass_without_becoming_floats() -> None:
    text = b'{"value":40.00,"rate":0.1}'
    document = decode(text)
    assert document == {"value": Decimal("40.00"), "rate": Decimal("0.1")}
    assert encode(document) == text


def test_json_patch_applies_or_changes_nothing() -> None:
    before = {"name": "a", "tag": ["x"]}
    assert json_patch(before, [{"op": "add", "path": "/tag/-", "value": "y"}]) == {"name": "a", "tag": ["x", "y"]}
    with pytest.raises(Invalid) as refused:
        json_patch(before, [{"op": "test", "path": "/name", "value": "b"}])
    assert refused.value.code == "invalidPatch"
    assert before == {"name": "a", "tag": ["x"]}


def test_difference_names_first_level_attributes() -> None:
    assert difference({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 4, "d": 5}) == ({"b": 2, "c": 3}, {"b": 4, "d": 5})


def test_fields_keep_the_identity_and_reach_inside_arrays() -> None:
    document = {"id": "1", "href": "/1", "@type": "T", "name": "n", "place": [{"id": "p", "role": "r"}, {"role": "s"}]}
    assert select_fields(document, ("place.id",)) == {
        "id": "1",
        "href": "/1",
        "@type": "T",
        "place": [{"id": "p"}, {}],
    }
    assert select_fields(document, ()) == {"id": "1", "href": "/1", "@type": "T"}


def test_tokens_are_references_and_characteristics() -> None:
    document = {
        "id": "1",
        "relatedParty": [{"role": "customer", "partyOrPartyRole": {"id": "c1"}}, {"id": "x"}],
        "productCharacteristic": [{"name": "speed", "value": 500}, {"name": "static", "value": True}],
        "externalIdentifier": [{"id": "e1"}],
    }
    assert tokens_of(document) == [
        "externalIdentifier.id=e1",
        "productCharacteristic.speed=500",
        "productCharacteristic.static=true",
        "relatedParty.id=x",
        "relatedParty.partyOrPartyRole.id=c1",
    ]

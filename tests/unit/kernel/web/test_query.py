"""The query string as pairs."""

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.kernel.web import Query


def test_pairs_keep_their_order_and_the_first_value_counts() -> None:
    query = Query("b=1&a=x%20y+z&b=2&empty&&c==%3D")
    assert query.pairs == (("b", "1"), ("a", "x y z"), ("b", "2"), ("empty", ""), ("c", "=="))
    assert query["b"] == "1"
    assert query.all("b") == ("1", "2")
    assert query.get("none") is None
    assert query.integer("b", 7, 0, 10) == 1
    assert query.integer("none", 7, 0, 10) == 7


@pytest.mark.parametrize("raw", ["a=%00", "a=%FF", "a=%ED%A0%80", "%00=1", "a=" + "x" * 8000, "&".join(["a=1"] * 201)])
def test_what_cannot_be_text_and_too_much_is_refused(raw: str) -> None:
    with pytest.raises(Invalid):
        Query(raw)


@pytest.mark.parametrize("text", ["-1", "11", "1.0", "x", "", "٣", "1" * 30])
def test_an_integer_out_of_range_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        Query(f"n={text}").integer("n", 0, 0, 10)
    assert caught.value.path == "n"


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        Query("a=1").required("b")
    assert caught.value.path == "b"

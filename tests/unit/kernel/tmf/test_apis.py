"""The table of APIs."""

import pytest

from trunkline.kernel.errors import NotFound
from trunkline.kernel.tmf.apis import APIS, api_path, get_api


def test_an_api_is_served_at_its_highest_generation_unless_told_otherwise() -> None:
    assert api_path("TMF622") == "/tmf-api/productOrderingManagement/v5"
    assert api_path("TMF622", 4) == "/tmf-api/productOrderingManagement/v4"
    assert api_path("TMF641") == "/tmf-api/serviceOrdering/v4"


def test_generations_are_the_major_versions() -> None:
    assert get_api("TMF620").generations == (4, 5)
    assert get_api("TMF723").generations == (5,)


def test_an_unknown_api_is_named_with_the_known_ones() -> None:
    with pytest.raises(NotFound) as caught:
        get_api("TMF999")
    assert "TMF622" in (caught.value.allowed or ())


def test_segments_are_lower_camel_case() -> None:
    assert [api.segment for api in APIS if not (api.segment.isalnum() and api.segment[0].islower())] == []

"""Which permission covers which."""

import pytest

from trunkline.kernel.web import permits


@pytest.mark.parametrize(
    ("held", "wanted", "covered"),
    [
        ({"productOrder:read"}, "productOrder:read", True),
        ({"productOrder:read"}, "productOrder:create", False),
        ({"productOrder:*"}, "productOrder:create", True),
        ({"productOrder:*"}, "product:create", False),
        ({"*:read"}, "product:read", True),
        ({"*:read"}, "product:update", False),
        ({"*"}, "anything:atAll", True),
        (set(), "product:read", False),
        (set(), "", True),
        ({"product:*"}, "product:*", True),
        ({"product:read"}, "product:*", False),
        ({"product:*"}, "*", False),
        ({"*:read"}, "*:*", False),
    ],
)
def test_permits(held: set[str], wanted: str, covered: bool) -> None:
    assert permits(frozenset(held), wanted) is covered

"""The query of a subscription: what it means, and what is refused."""

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.kernel.events.hub_query import EventQuery, parse_query

RESOURCES = ("productOrder", "cancelProductOrder")


@pytest.mark.parametrize(
    ("text", "types", "condition"),
    [
        ("", None, None),
        ("eventType=ProductOrderStateChangeEvent", ("ProductOrderStateChangeEvent",), None),
        (
            "eventType=ProductOrderStateChangeEvent,ProductOrderDeleteEvent&eventType=CancelProductOrderCreateEvent",
            ("CancelProductOrderCreateEvent", "ProductOrderDeleteEvent", "ProductOrderStateChangeEvent"),
            None,
        ),
        ("state=completed", None, '($.*."state" == "completed")'),
        ("?productOrder.state='held'", None, '($."productOrder"."state" == "held")'),
        ("event.productOrder.state=held", None, '($."productOrder"."state" == "held")'),
        ("a.b=5", None, '($.*."a"."b" == "5" || $.*."a"."b" == 5)'),
        ("b=true&a=x,y", None, '($.*."a" == "x" || $.*."a" == "y") && ($.*."b" == "true" || $.*."b" == true)'),
        ("relatedParty.@type=z%22%20%7C%7C", None, '($.*."relatedParty"."@type" == "z\\" ||")'),
    ],
)
def test_meaning(text: str, types: tuple[str, ...] | None, condition: str | None) -> None:
    assert parse_query(text, RESOURCES) == EventQuery(types, condition)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("eventType=UsageCreateEvent", "unknownEventType"),
        ("eventType=ProductOrderWhatever", "unknownEventType"),
        ("state", "invalidQuery"),
        ("state>=held", "invalidQuery"),
        ("state==held", "invalidQuery"),
        ("$[?(@.state=='held')]", "invalidQuery"),
        ("a..b=1", "invalidQuery"),
        ("a%22.b=1", "invalidQuery"),
        ("state=%00", "invalidQuery"),
        ("state=" + "a," * 17, "invalidQuery"),
        ("state=" + "a" * 1000, "invalidQuery"),
        (".".join("abcdefghi") + "=1", "invalidQuery"),
    ],
)
def test_refusals_name_the_field(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_query(text, RESOURCES)
    assert (refused.value.code, refused.value.path) == (code, "$.query")

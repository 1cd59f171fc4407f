"""JSONPath filters (TMF630 part 6) as PostgreSQL jsonpath."""

import pytest

from trunkline.kernel.errors import Invalid, TrunklineError
from trunkline.kernel.tmf.json_filter import LENGTH_MAX, translate


@pytest.mark.parametrize(
    ("text", "predicate", "variables", "equals"),
    [
        ("$[?(@.state=='active')]", '$ ? (@."state" == $v0)', {"v0": "active"}, (("state", "active"),)),
        (
            "relatedParty[?(@.role=='agent' && @.id=='42')]",
            '$."relatedParty" ? ((@."role" == $v0) && (@."id" == $v1))',
            {"v0": "agent", "v1": "42"},
            (("relatedParty.role", "agent"), ("relatedParty.id", "42")),
        ),
        ("[?@.a.b > 5 || !@.c]", '$ ? ((@."a"."b" > $v0) || (!(exists(@."c"))))', {"v0": 5}, ()),
        (r"$[?@.name =~ /^A.*/i]", '$ ? (@."name" like_regex "^A.*" flag "i")', {}, ()),
        ("$.a[*].b[?@.c != null]", '$."a"."b" ? (@."c" != null)', {}, ()),
        (
            "$[?@.relatedParty[?@.role == 'x']]",
            '$ ? (exists(@."relatedParty" ? (@."role" == $v0)))',
            {"v0": "x"},
            (("relatedParty.role", "x"),),
        ),
    ],
)
def test_translates(text: str, predicate: str, variables: dict[str, object], equals: tuple[object, ...]) -> None:
    found = translate(text)
    assert (found.predicate, found.variables, found.equals) == (predicate, variables, equals)


def test_names_are_where_they_are_stored() -> None:
    places = {"relatedParty.id": "relatedParty.partyOrPartyRole.id"}
    found = translate("relatedParty[?(@.id=='42')]", lambda path: places.get(path, path))
    assert found.predicate == '$."relatedParty" ? (@."partyOrPartyRole"."id" == $v0)'
    assert found.paths == ("relatedParty", "relatedParty.partyOrPartyRole.id")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("$[?(@.a==", Invalid),
        ("$.." + "a", Invalid),
        ("$[0]", Invalid),
        ("$[1:2]", Invalid),
        ("$[?count(@.a) > 2]", TrunklineError),
        ("a" * (LENGTH_MAX + 1), Invalid),
        ("$[?(" + " || ".join(["@.a==1"] * 60) + ")]", Invalid),
        (r"$[?@.a =~ /(x{1000}){1000}/]", Invalid),
    ],
)
def test_refuses(text: str, kind: type[TrunklineError]) -> None:
    with pytest.raises(kind) as refused:
        translate(text)
    assert refused.value.path == "filter"

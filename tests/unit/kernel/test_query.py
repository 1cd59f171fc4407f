"""Filters, sort, fields and pages of a list request (TMF630)."""

import pytest

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.keyset import Place
from trunkline.kernel.tmf.query import Clause, cursor, parse, parse_fields


@pytest.mark.parametrize(
    ("raw", "clause"),
    [
        ("status=active", Clause("status", "eq", ("active",))),
        ("status=active,suspended", Clause("status", "eq", ("active", "suspended"))),
        ("status=active&status=suspended", Clause("status", "eq", ("active", "suspended"))),
        ("status=active;status=suspended", Clause("status", "eq", ("active", "suspended"))),
        ("name=a%2Cb", Clause("name", "eq", ("a,b",))),
        ('name="quoted text"', Clause("name", "eq", ("quoted text",))),
        ("name=one+two", Clause("name", "eq", ("one two",))),
        ("startDate.gt=2026-06-01", Clause("startDate", "gt", ("2026-06-01",))),
        ("startDate>2026-06-01", Clause("startDate", "gt", ("2026-06-01",))),
        ("startDate%3E2026-06-01", Clause("startDate", "gt", ("2026-06-01",))),
        ("startDate>=2026-06-01", Clause("startDate", "gte", ("2026-06-01",))),
        ("startDate%3E%3D2026", Clause("startDate", "gte", ("2026",))),
        ("startDate<=2026", Clause("startDate", "lte", ("2026",))),
        ("startDate.lt=2026", Clause("startDate", "lt", ("2026",))),
        ("name==x", Clause("name", "eq", ("x",))),
        ("name.ne=x", Clause("name", "ne", ("x",))),
        ("name!=x", Clause("name", "ne", ("x",))),
        ("name.regex=^a.*,b$", Clause("name", "regex", ("^a.*,b$",))),
        ("name*=^a", Clause("name", "regex", ("^a",))),
        ("name=~^a", Clause("name", "regex", ("^a",))),
        ("relatedParty.id=7", Clause("relatedParty.id", "eq", ("7",))),
        ("@type=Individual", Clause("@type", "eq", ("Individual",))),
    ],
)
def test_every_operator_in_every_spelling(raw: str, clause: Clause) -> None:
    assert parse(raw).clauses == (clause,)


def test_page_sort_and_fields() -> None:
    query = parse("offset=40&limit=20&sort=-startDate,name&fields=id,name,place.id")
    assert (query.offset, query.limit, query.paged) == (40, 20, True)
    assert query.sort == (("startDate", True), ("name", False))
    assert query.fields == ("id", "name", "place.id")


def test_a_list_without_a_page_is_not_paged() -> None:
    query = parse("")
    assert (query.offset, query.limit, query.paged, query.fields) == (0, 100, False, None)


def test_fields_none_means_the_identity_alone() -> None:
    assert parse_fields("none") == ()
    assert parse_fields("") is None


def test_a_cursor_comes_back_as_it_was() -> None:
    place = Place("0192f-ä")
    assert parse(f"after={cursor(place)}").after == place


def test_a_cursor_of_a_sorted_list_carries_the_values_of_the_keys() -> None:
    place = Place("7", ("Anna", None))
    assert parse(f"sort=familyName,-birthDate&before={cursor(place)}").before == place


@pytest.mark.parametrize(
    ("raw", "code", "path"),
    [
        ("limit=-1", "invalidPage", "limit"),
        ("limit=1001", "invalidPage", "limit"),
        ("offset=x", "invalidPage", "offset"),
        ("offset=100001", "invalidPage", "offset"),
        ("after=%20", "invalidCursor", "after"),
        ("name=%00", "invalidText", "name"),
        ("name=%ff", "invalidText", "name"),
        ("name", "malformedFilter", "name"),
        ("=x", "malformedFilter", "=x"),
        ("name.regex=" + "a" * 101, "regexTooLong", "name"),
        ("name=" + ",".join(["x"] * 101), "tooManyValues", "name"),
        ("sort=a,b,c,d,e,f", "tooManySortKeys", "sort"),
        (f"sort=a&after={cursor(Place('1'))}", "invalidCursor", "after"),
        ("&".join(f"a{n}=1" for n in range(31)), "tooManyClauses", None),
        ("a=" + "x" * 8001, "queryTooLong", None),
    ],
)
def test_malformed_queries_are_refused_with_the_parameter(raw: str, code: str, path: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        parse(raw)
    assert (refused.value.code, refused.value.path) == (code, path)


@pytest.mark.parametrize("raw", ["depth=2", "asOf=2026-01-01T00:00:00Z"])
def test_what_is_not_offered_says_so(raw: str) -> None:
    with pytest.raises(Invalid, match="one"):
        parse(raw)

"""Lists over HTTP: pages, links, filters, sort, fields (TMF630 part 1, 4.4 and 4.5)."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.test_records import INDIVIDUALS, links, person, refused
from tests.support.installation import Installation


@pytest.fixture
async def client(at: Installation) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an installation with five persons, P1 to P5, whose ids are p1 to p5."""
    async with at.client() as opened:
        for n in range(1, 6):
            medium = [{"contactType": f"c{n}", "preferred": n == 3}]
            await person(
                opened, id=f"p{n}", familyName=f"P{6 - n}", contactMedium=medium, birthDate=f"200{n}-01-01T00:00:00Z"
            )
        yield opened


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code in (200, 206), answer.text
    assert answer.headers["x-result-count"] == str(len(answer.json()))
    return [record["id"] for record in answer.json()]


async def test_206_only_where_a_page_was_asked_for_and_is_partial(client: httpx.AsyncClient) -> None:
    whole = await client.get(INDIVIDUALS)
    assert (whole.status_code, ids(whole), whole.headers["x-total-count"]) == (200, ["p1", "p2", "p3", "p4", "p5"], "5")
    page = await client.get(INDIVIDUALS, params={"limit": "2"})
    assert (page.status_code, ids(page), page.headers["x-total-count"]) == (206, ["p1", "p2"], "5")
    assert (await client.get(INDIVIDUALS, params={"limit": "5"})).status_code == 200
    none = await client.get(INDIVIDUALS, params={"limit": "0"})
    assert (none.status_code, ids(none), none.headers["x-total-count"]) == (206, [], "5")
    beyond = await client.get(INDIVIDUALS, params={"offset": "7"})
    assert (beyond.status_code, ids(beyond), beyond.headers["x-total-count"]) == (206, [], "5")


@pytest.mark.parametrize("sort", ["", "&sort=familyName", "&sort=birthDate&fields=id", "&familyName.ne=none"])
async def test_links_lead_through_all_pages_and_back(client: httpx.AsyncClient, sort: str) -> None:
    whole = ids(await client.get(f"{INDIVIDUALS}?{sort}"))
    page = await client.get(f"{INDIVIDUALS}?limit=2{sort}")
    assert "prev" not in links(page)
    walked = [ids(page)]
    while "next" in links(page):
        page = await client.get(links(page)["next"])
        assert ids(await client.get(links(page)["self"])) == ids(page)
        walked.append(ids(page))
    assert walked == [whole[:2], whole[2:4], whole[4:]]
    back = [ids(page)]
    while "prev" in links(page):
        page = await client.get(links(page)["prev"])
        back.append(ids(page))
    assert back == walked[::-1]
    assert ids(await client.get(links(page)["first"])) == walked[0]
    assert ids(await client.get(links(page)["last"])) == walked[-1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("familyName=P5", "1"),
        ("familyName=P5,P1", "15"),
        ("familyName=P5;familyName=P1", "15"),
        ("familyName=P5&familyName=P1", "15"),
        ("familyName=P5&givenName=Other", ""),
        ("familyName.ne=P5", "2345"),
        ("familyName%3EP3", "12"),
        ("familyName.gte=P3", "123"),
        ("familyName.regex=%5EP%5B12%5D", "45"),
        ("familyName*=%5EP%5B12%5D", "45"),
        ("familyName*%3D%5EP%5B12%5D", "45"),
        ("birthDate.lt=2003-01-01T00:00:00Z", "12"),
        ("birthDate=2003-01-01T02:00:00%2B02:00", "3"),
        ("contactMedium.contactType=c4", "4"),
        ("contactMedium.preferred=true", "3"),
        ("@type=Individual", "12345"),
        ("%40type=Individual", "12345"),
        ("status=initialized", "12345"),
        ("status=validated", ""),
        ("sort=familyName", "54321"),
        ("sort=-birthDate", "54321"),
        ("sort=-contactMedium.contactType,id", "12345"),
        ("sort=contactMedium", "12453"),
    ],
)
async def test_filters_and_sorts(client: httpx.AsyncClient, query: str, found: str) -> None:
    assert ids(await client.get(f"{INDIVIDUALS}?{query}")) == [f"p{n}" for n in found]


@pytest.mark.parametrize(
    ("query", "code", "path"),
    [
        ("familyName", "malformedFilter", "familyName"),
        ("=x", "malformedFilter", "=x"),
        ("birthDate.gt=soon", "invalidValue", "birthDate"),
        ("birthDate=0001-01-01T00:00:00%2B14:00", "invalidValue", "birthDate"),
        ("contactMedium.preferred=perhaps", "invalidValue", "contactMedium.preferred"),
        ("familyName=%00", "invalidText", "familyName"),
        ("familyName=%ff", "invalidText", "familyName"),
        ("limit=-1", "invalidPage", "limit"),
        ("limit=1e3", "invalidPage", "limit"),
        ("limit=%D9%A3", "invalidPage", "limit"),
        ("limit=1001", "invalidPage", "limit"),
        ("offset=100001", "invalidPage", "offset"),
        ("after=x", "invalidCursor", "after"),
        ("before=AA", "invalidCursor", "before"),
        ("sort=nothing", "unknownAttribute", "nothing"),
        ("sort=id&after=WyIxIixbXV0", "invalidCursor", "after"),
        ("sort=id,id,id,id,id,id", "tooManySortKeys", "sort"),
        ("familyName.regex=(", "invalidRegex", "familyName"),
        ("familyName.regex=(?P<a>x)", "invalidRegex", "familyName"),
        ("title.regex=(?P<a>x)", "invalidRegex", "title"),
        ("familyName.regex=(x{1,200}){1,200}", "regexTooComplex", "familyName"),
        ("familyName.regex=(x*)%5C1", "regexTooComplex", "familyName"),
        ("familyName.regex=" + "x" * 101, "regexTooLong", "familyName"),
        ("familyName=" + ",".join("x" * 101), "tooManyValues", "familyName"),
    ],
)
async def test_a_wrong_query_is_400_and_names_its_parameter(
    client: httpx.AsyncClient, query: str, code: str, path: str
) -> None:
    assert refused(await client.get(f"{INDIVIDUALS}?{query}"), 400, code)["path"] == path


async def test_a_malformed_filter_says_how_to_write_one(client: httpx.AsyncClient) -> None:
    body = refused(await client.get(f"{INDIVIDUALS}?familyName"), 400, "malformedFilter")
    assert "attribute=value" in body["reason"]
    assert "gte" in body["allowed"]


async def test_an_unknown_attribute_names_the_nearest(client: httpx.AsyncClient) -> None:
    body = refused(await client.get(f"{INDIVIDUALS}?famliyName=x"), 400, "unknownAttribute")
    assert body["path"] == "famliyName"
    assert "'familyName'" in body["message"]


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ("familyName", {"familyName"}),
        ("none", set()),
        ("familyName,nothing", {"familyName"}),
        (",,", set()),
        ("a..b,.", set()),
        ("id.x", set()),
    ],
)
async def test_fields_leave_out_all_but_the_identity(client: httpx.AsyncClient, fields: str, kept: set[str]) -> None:
    for answer in (
        await client.get(INDIVIDUALS, params={"fields": fields}),
        await client.get(f"{INDIVIDUALS}/p1", params={"fields": fields}),
    ):
        assert answer.status_code == 200
        for record in answer.json() if isinstance(answer.json(), list) else [answer.json()]:
            assert set(record) == {"id", "href", "@type"} | kept


async def test_fields_reach_inside_arrays(client: httpx.AsyncClient) -> None:
    for fields in ("contactMedium.preferred", "contactMedium.preferred,contactMedium.preferred"):
        read = await client.get(f"{INDIVIDUALS}/p3", params={"fields": fields})
        assert read.json()["contactMedium"] == [{"preferred": True}]
    both = await client.get(f"{INDIVIDUALS}/p3", params={"fields": "contactMedium,contactMedium.preferred"})
    assert both.json()["contactMedium"] == [{"@type": "ContactMedium", "contactType": "c3", "preferred": True}]


async def test_a_link_target_holds_nothing_that_ends_it(client: httpx.AsyncClient) -> None:
    page = await client.get(f'{INDIVIDUALS}?limit=2&title.ne=>;rel="x",<evil')
    assert "evil" in page.headers["link"]
    assert "<evil" not in page.headers["link"]
    assert '"x"' not in page.headers["link"]

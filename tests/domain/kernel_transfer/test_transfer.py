"""Export and import of records: a round trip changes nothing, refused rows are told and left out, a cut-off run goes on."""

import gzip
import io
import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from trunkline.bss.billing.resources import customer_bills
from trunkline.bss.party.resources import individuals
from trunkline.bss.product_catalog.resources import categories, product_offerings
from trunkline.bss.product_inventory.resources import products
from trunkline.bss.product_ordering.resources import product_orders
from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Conflict, Invalid
from trunkline.kernel.ids import new_id
from trunkline.kernel.tmf.document import Document, decode, encode
from trunkline.kernel.tmf.query import parse
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.transfer import (
    Advance,
    ImportReport,
    ImportRequest,
    RowProblem,
    export_lines,
    importing,
    read_rows,
)
from trunkline.kernel.transfer.exporting import PAGE
from trunkline.kernel.transfer.formats import csv_header, csv_lines
from trunkline.kernel.transfer.importing import import_records

START = datetime(2026, 6, 1, 9, tzinfo=UTC)


@pytest_asyncio.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(database_dsn, clock=Clock())
    yield opened
    await opened.close()


@pytest.fixture
def context() -> Context:
    """A fresh tenant a test."""
    return tenant()


def tenant() -> Context:
    return Context(tenant=new_id(), actor="tester", channel="cli", now=START, correlation_id=new_id(), reason="a test")


def person(number: int, **more: Any) -> Document:
    return {"id": f"p-{number}", "@type": "Individual", "familyName": f"Line {number}", "givenName": "Ada", **more}


def ndjson(documents: Iterable[Document]) -> bytes:
    return b"".join(encode(document) + b"\n" for document in documents)


async def take(
    database: Database,
    resource: Resource[Any],
    content: bytes,
    context: Context,
    *,
    form: str = "ndjson",
    **request: Any,
) -> tuple[ImportReport, list[RowProblem]]:
    problems: list[RowProblem] = []

    async def tell(advance: Advance) -> None:
        problems.extend(advance.problems)

    rows = read_rows(io.BytesIO(content), form, resource.entity)
    asked = ImportRequest(name="file", **request)
    return await import_records(database, resource, rows, asked, context, tell), problems


async def out(
    database: Database, resource: Resource[Any], context: Context, form: str = "ndjson", where: str = ""
) -> bytes:
    pages = export_lines(database, resource, parse(where), context, form)
    return b"".join([line async for page in pages for line in page])


async def traces(database: Database, context: Context) -> tuple[list[str], list[tuple[str, str, int]]]:
    """Events and audit entries of the tenant, in their order."""
    async with database.read() as session:
        told = await session.fetch("select type from kernel.outbox where tenant = $1 order by seq", context.tenant)
        kept = await session.fetch(
            "select action, resource_id, version from kernel.audit where tenant = $1 order by id", context.tenant
        )
    return [row["type"] for row in told], [(row["action"], row["resource_id"], row["version"]) for row in kept]


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.created, report.changed, report.unchanged, report.refused


@pytest.mark.parametrize("form", ["ndjson", "csv"])
async def test_a_round_trip_changes_nothing(database: Database, context: Context, form: str) -> None:
    own = {"favouriteColour": "", "score": Decimal("4.50"), "list": [1, {"a": None}], "title": '"quoted", and\nbroken'}
    documents = [person(n, **(own if n % 3 else {})) for n in range(PAGE + 5)]
    assert counts((await take(database, individuals, ndjson(documents), context))[0]) == (PAGE + 5, 0, 0, 0)
    before, left = await traces(database, context), await out(database, individuals, context)
    exported = await out(database, individuals, context, form)
    report, problems = await take(database, individuals, exported, context, form=form)
    assert (counts(report), problems) == ((0, 0, PAGE + 5, 0), [])
    assert await traces(database, context) == before
    assert await out(database, individuals, context) == left


async def test_an_export_makes_the_same_records_in_another_installation(database: Database, context: Context) -> None:
    other = tenant()
    created = [person(1, familyName="Länge"), person(2, status="validated", height=Decimal("1.80"))]
    await take(database, individuals, ndjson(created), context)
    exported = await out(database, individuals, context)
    await take(database, individuals, exported, other)
    assert await out(database, individuals, other) == exported
    assert (await traces(database, other))[0] == ["IndividualCreateEvent"] * 2
    assert (await traces(database, other))[1] == [("create", "p-1", 1), ("create", "p-2", 1)]


async def test_a_row_changes_its_record_to_what_it_says(database: Database, context: Context) -> None:
    await take(database, individuals, ndjson([person(1, title="Dr", status="validated")]), context)
    report, _ = await take(database, individuals, ndjson([person(1, familyName="Other")]), context)
    assert counts(report) == (0, 1, 0, 0)
    async with database.read() as session:
        now = await individuals.get(session, "p-1", context)
    assert now["familyName"] == "Other"
    assert "title" not in now
    assert now["status"] == "validated"  # of the state the row says nothing
    assert (await traces(database, context))[0] == ["IndividualCreateEvent", "IndividualAttributeValueChangeEvent"]


async def test_csv_leaves_alone_what_has_no_column_and_an_empty_cell_removes(
    database: Database, context: Context
) -> None:
    await take(database, individuals, ndjson([person(1, title="Dr", placeOfBirth="Ulm")]), context)
    content = b"\xef\xbb\xbfid,familyName,title\r\np-1,Straight,\r\n"
    report, problems = await take(database, individuals, content, context, form="csv")
    assert (counts(report), problems) == ((0, 1, 0, 0), [])
    content = b"id,familyName,givenName,contactMedium\r\np-2,New,One,[]\r\np-3,No given name,,\r\n"
    report, problems = await take(database, individuals, content, context, form="csv")
    assert (counts(report), [(p.line, p.path) for p in problems]) == ((1, 0, 0, 1), [(3, "$.givenName")])
    async with database.read() as session:
        first, second = [await individuals.get(session, id_, context) for id_ in ("p-1", "p-2")]
    assert (first["familyName"], first["givenName"], first["placeOfBirth"]) == ("Straight", "Ada", "Ulm")
    assert "title" not in first
    assert (second["familyName"], second["@type"]) == ("New", "Individual")


async def test_refused_rows_are_told_with_line_and_reason_and_the_rest_is_taken(
    database: Database, context: Context
) -> None:
    lines = [encode(person(n)) for n in range(40)]
    lines[3] = b'{"id": "p-3", "givenName": "Ada", "familyName": 7}'
    lines[11] = b'{"id": "p-11", "familyName": '
    lines[12] = b"[]"
    lines[20] = b'{"id": "a/b"}'
    lines[33] = b'{"id": "p-33", "id": "p-34"}'
    report, problems = await take(database, individuals, b"\n".join(lines), context)
    assert counts(report) == (35, 0, 0, 5)
    assert [(p.line, p.code, p.path) for p in problems] == [
        (4, "invalidAttribute", "$.familyName"),
        (12, "malformedJson", "$"),
        (13, "invalidRow", "$"),
        (21, "invalidId", "$.id"),
        (34, "duplicateName", "$.id"),
    ]
    assert problems[0].row == '{"id": "p-3", "givenName": "Ada", "familyName": 7}'


async def test_rows_wait_for_those_they_refer_to(database: Database, context: Context) -> None:
    def category(name: str, parent: str | None = None) -> Document:
        above = {"parent": {"id": parent, "@type": "CategoryRef"}} if parent else {}
        return {"id": name, "@type": "Category", "name": name, **above}

    chain = [category("d", "c"), category("c", "b"), category("b", "a"), category("a"), category("x", "nowhere")]
    report, problems = await take(database, categories, ndjson(chain), context)
    assert counts(report) == (4, 0, 0, 1)
    assert [(p.line, p.code, p.path) for p in problems] == [(5, "unknownReference", "$.parent.id")]


async def test_a_later_row_of_the_same_record_sees_the_earlier(database: Database, context: Context) -> None:
    rows = [person(1), person(1, familyName="Second"), person(1, familyName="Second")]
    assert counts((await take(database, individuals, ndjson(rows), context))[0]) == (1, 1, 1, 0)


async def test_a_dry_run_says_the_same_and_stores_nothing(database: Database, context: Context) -> None:
    await take(database, individuals, ndjson([person(1)]), context)
    before = await traces(database, context)
    content = ndjson([person(1, familyName="Other"), person(2), {"id": "p-3", "familyName": 1}])
    tried = await take(database, individuals, content, context, dry_run=True)
    assert await traces(database, context) == before
    async with database.read() as session:
        assert (await individuals.get(session, "p-1", context))["familyName"] == "Line 1"
    done = await take(database, individuals, content, context)
    assert counts(tried[0]) == counts(done[0]) == (1, 1, 0, 1)
    assert tried[1] == done[1]


async def test_a_life_cycle_holds_for_imports(database: Database, context: Context) -> None:
    offering = {"@type": "ProductOffering", "name": "Fibre", "lifecycleStatus": "Obsolete", "id": "o-1"}
    assert counts((await take(database, product_offerings, ndjson([offering]), context))[0]) == (1, 0, 0, 0)
    again = ndjson([{**offering, "lifecycleStatus": "Active"}, {**offering, "id": "o-2", "lifecycleStatus": "Odd"}])
    report, problems = await take(database, product_offerings, again, context)
    assert counts(report) == (0, 0, 0, 2)
    assert [(p.line, p.code) for p in problems] == [(1, "illegalMove"), (2, "unknownState")]


async def test_an_order_in_work_is_not_taken_over_and_an_ended_one_starts_nothing(
    database: Database, context: Context
) -> None:
    def order(id_: str, state: str) -> Document:
        item = {"id": "1", "action": "add", "@type": "ProductOrderItem"}
        return {"id": id_, "@type": "ProductOrder", "state": state, "productOrderItem": [item]}

    content = ndjson([order("o-1", "completed"), order("o-2", "inProgress"), order("o-3", "acknowledged")])
    report, problems = await take(database, product_orders, content, context)
    assert counts(report) == (1, 0, 0, 2)
    assert [(p.line, p.code, p.path) for p in problems] == [
        (2, "workWouldBeLost", "$.state"),
        (3, "workWouldBeLost", "$.state"),
    ]
    assert (await traces(database, context))[0] == ["ProductOrderCreateEvent"]


async def test_what_cannot_be_written_cannot_be_imported(database: Database, context: Context) -> None:
    report, problems = await take(database, customer_bills, b'{"id": "b-1"}', context)
    assert counts(report) == (0, 0, 0, 1)
    assert problems[0].code == "readOnly"


@pytest.mark.parametrize("killed_after", [1, 2, 3])
async def test_an_import_that_was_cut_off_goes_on_where_it_was(
    database: Database, context: Context, killed_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 10)
    content, batches = ndjson(person(n) for n in range(45)), 0

    class Killed(Exception):
        pass

    async def tell(_: Advance) -> None:
        nonlocal batches
        batches += 1
        if batches == killed_after:
            raise Killed

    request = ImportRequest(name="file", sha256="0" * 64)
    rows = read_rows(io.BytesIO(content), "ndjson", individuals.entity)
    with pytest.raises(Killed):
        await import_records(database, individuals, rows, request, context, tell)
    report, _ = await take(database, individuals, content, context, sha256="0" * 64)
    assert report.resumed_after == 10 * killed_after
    assert counts(report) == (45 - 10 * killed_after, 0, 0, 0)
    assert len((await traces(database, context))[0]) == 45
    again, _ = await take(database, individuals, content, context, sha256="0" * 64)
    assert (again.resumed_after, counts(again)) == (0, (0, 0, 45, 0))


async def test_two_runs_of_one_file_do_not_both_go_on(
    database: Database, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 5)
    content = ndjson(person(n) for n in range(20))
    request = ImportRequest(name="file", sha256="1" * 64)
    inner: list[ImportReport] = []

    async def tell(_: Advance) -> None:
        if not inner:
            inner.append((await take(database, individuals, content, context, sha256="1" * 64))[0])

    rows = read_rows(io.BytesIO(content), "ndjson", individuals.entity)
    with pytest.raises(Conflict, match="imported by someone else"):
        await import_records(database, individuals, rows, request, context, tell)
    assert counts(inner[0]) == (15, 0, 0, 0)
    assert len((await traces(database, context))[0]) == 20


async def test_an_export_takes_conditions_and_a_packed_file_is_like_another(
    database: Database, context: Context
) -> None:
    await take(database, individuals, ndjson([person(1, title="Dr"), person(2)]), context)
    lines = (await out(database, individuals, context, where="familyName=Line 2")).splitlines()
    assert [decode(line)["id"] for line in lines] == ["p-2"]
    packed = io.BytesIO(gzip.compress(ndjson([person(1, title="Dr")])))
    with gzip.open(packed) as file:
        assert [row.line for row in read_rows(file, "ndjson", individuals.entity)] == [1]  # type: ignore[arg-type]  # a file
    with pytest.raises(Invalid, match="familyNam"):
        await out(database, individuals, context, where="familyNam=x")


async def test_another_tenant_sees_and_changes_nothing(database: Database, context: Context) -> None:
    await take(database, individuals, ndjson([person(1)]), context)
    other = tenant()
    assert await out(database, individuals, other) == b""
    report, _ = await take(database, individuals, ndjson([person(1, familyName="Theirs")]), other)
    assert counts(report) == (1, 0, 0, 0)
    async with database.read() as session:
        assert (await individuals.get(session, "p-1", context))["familyName"] == "Line 1"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalidHeader"),
        (b"id,id\r\n", "invalidHeader"),
        (b"id,,name\r\n", "invalidHeader"),
        (b"famlyName\r\nx\r\n", "invalidHeader"),
        (b"\xff\xfe\r\n", "unreadableFile"),
    ],
)
async def test_a_csv_that_names_no_attributes_is_refused_whole(
    database: Database, context: Context, content: bytes, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await take(database, individuals, content, context, form="csv")
    assert refused.value.code == code


async def test_bad_cells_and_rows_of_csv_are_told(database: Database, context: Context) -> None:
    rows = (b"p-1,A,Ada,[1", b"p-2,B", b'p-3,C,Ada,"[]"', b'p-4,"D\nE",Ada,', b"p-5,F,Ada,x")
    content = b"\r\n".join((b"id,familyName,givenName,contactMedium", *rows))
    report, problems = await take(database, individuals, content, context, form="csv")
    assert counts(report) == (2, 0, 0, 3)
    assert [(p.line, p.code) for p in problems] == [(2, "invalidCell"), (3, "invalidRow"), (7, "invalidCell")]
    broken = b'id,familyName,givenName\r\np-6,G,Ada\r\np-7,"H\r\n'
    with pytest.raises(Invalid, match="beyond line 3"):
        await take(database, individuals, broken, context, form="csv")
    async with database.read() as session:
        assert (await individuals.get(session, "p-6", context))["familyName"] == "G"


_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
_scalar = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _text | st.decimals(-100, 100, places=2)
_json = st.recursive(
    _scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3), max_leaves=6
)


_document = st.fixed_dictionaries({}, optional={"familyName": _text, "birthDate": _text, "own": _json, "x y": _json})


@given(st.lists(_document, max_size=4))
def test_whatever_stands_in_a_document_comes_back_out_of_csv(documents: list[Document]) -> None:
    columns = ["id", "familyName", "own", "birthDate", "x y"]
    numbered = [{"id": f"p-{n}", **document} for n, document in enumerate(documents)]
    content = csv_header(columns) + b"".join(csv_lines(numbered, columns, individuals.entity))
    rows = list(read_rows(io.BytesIO(content), "csv", individuals.entity))
    assert [row.problem for row in rows] == [None] * len(documents)
    told = [{name: document.get(name) for name in columns} for document in numbered]
    assert json.loads(encode([row.document for row in rows])) == json.loads(encode(told))


async def test_products_of_another_house_come_with_their_references(database: Database, context: Context) -> None:
    rows = [{"id": "x-1", "@type": "Product", "status": "active", "productOffering": {"id": "none", "@type": "Ref"}}]
    report, problems = await take(database, products, ndjson(rows), context)
    assert counts(report) == (0, 0, 0, 1)
    assert problems[0].path == "$.productOffering.id"

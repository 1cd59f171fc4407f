"""The endpoints' handlers: run, explanation and document, with status, headers and bytes."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from tests.domain.billing.scene import Scene
from trunkline.bss.billing import api
from trunkline.bss.billing.contracts import BillExplanation, BillRunView, OutcomeKind
from trunkline.bss.billing.facade import BillAccount, bill_account
from trunkline.bss.usage.resources import usages
from trunkline.kernel.errors import Invalid, NotFound
from trunkline.kernel.tmf.query import parse
from trunkline.kernel.web import Call, Reply


async def call(
    scene: Scene, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None, **in_path: str
) -> Reply:
    (endpoint,) = [one for one in api.endpoints() if (one.method, one.path) == (method, path)]
    asked = Call(
        endpoint=endpoint,
        database=scene.database,
        context=scene.context,
        path=in_path,
        raw_query="",
        headers=headers or {},
        content=msgspec.json.encode(body) if body is not None else b"",
    )
    return await endpoint.handler(asked)


async def billed(scene: Scene) -> str:
    account_id = await scene.first_line()
    async with scene.database.unit_of_work() as uow:
        outcome = await bill_account(uow, BillAccount(account_id=account_id), scene.context)
    assert outcome.outcome is OutcomeKind.BILLED
    assert outcome.bill_id is not None
    return outcome.bill_id


async def test_a_run_is_accepted_and_can_be_seen(scene: Scene) -> None:
    reply = await call(scene, "POST", "/trunkline/v1/billRun", body={"cutOffDate": "2026-07-01", "cycle": "monthly-1"})
    view = msgspec.json.decode(reply.encoded(), type=BillRunView)
    assert (reply.status, reply.headers["Location"]) == (202, f"/trunkline/v1/job/{view.id}")
    shown = await call(scene, "GET", "/trunkline/v1/billRun/{id}", id=view.id)
    assert msgspec.json.decode(shown.encoded(), type=BillRunView) == view
    with pytest.raises(NotFound):
        await call(scene, "GET", "/trunkline/v1/billRun/{id}", id="nowhere")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$.cutOffDate"),
        ({"cutOffDate": "July"}, "$.cutOffDate"),
        ({"cutOffDate": "2026-07-01", "cicle": "x"}, "$.cicle"),
        ({"cutOffDate": "2027-07-01", "cycle": "monthly-1"}, "$.cutOffDate"),
    ],
)
async def test_a_run_that_cannot_be_leaves_no_job(scene: Scene, body: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        await call(scene, "POST", "/trunkline/v1/billRun", body=body)
    assert refused.value.path == path
    async with scene.database.read() as session:
        assert await session.fetch_value("select count(*) from kernel.job where tenant = $1", scene.tenant) == 0


async def test_the_explanation_is_text_in_numbers_and_links(scene: Scene) -> None:
    reply = await call(scene, "GET", "/trunkline/v1/customerBill/{id}/explanation", id=await billed(scene))
    told = msgspec.json.decode(reply.encoded(), type=BillExplanation)
    assert (told.net, told.gross) == ("120.40", "143.28")
    volume = told.lines[-1]
    assert volume.usage is not None
    assert (volume.usage.records, volume.usage.quantity, volume.usage.unit) == (9, 37_250_000_000, "octet")
    path, _, query = volume.usage.href.partition("?")
    assert path == usages.base_path
    async with scene.database.read() as session:
        page = await usages.page(session, parse(query), scene.context)
    assert page.total == 9


async def test_the_document_is_a_pdf_with_a_tag_of_its_own(scene: Scene) -> None:
    path = "/tmf-api/customerBillManagement/v5/customerBill/{id}/document"
    bill_id = await billed(scene)
    reply = await call(scene, "GET", path, id=bill_id)
    assert (reply.status, reply.media_type) == (200, "application/pdf")
    assert reply.headers["Content-Disposition"] == 'inline; filename="NL-2026-000001.pdf"'
    assert reply.encoded().startswith(b"%PDF-")
    again = await call(scene, "GET", path, id=bill_id, headers={"if-none-match": reply.headers["ETag"]})
    assert (again.status, again.encoded()) == (304, b"")
    with pytest.raises(NotFound):
        await call(scene, "GET", path, id="nothing")

"""Endpoints beyond TMF678's own: bill runs, the explanation of a bill, its printed document."""

import re

import msgspec

from trunkline.bss.billing import facade
from trunkline.bss.billing.contracts import JOB_KIND, BillExplanation, BillRunView, RunBills
from trunkline.bss.billing.facade import Printer
from trunkline.bss.billing.resources import customer_bills
from trunkline.kernel.jobs import create_job
from trunkline.kernel.web import Call, Endpoint, Handler, Reply

_RUNS = "/trunkline/v1/billRun"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_TAGS = ("TMF678",)


def endpoints() -> list[Endpoint]:
    """The endpoints of this domain beyond the engine's."""
    return [
        Endpoint(
            "POST",
            _RUNS,
            permission="billRun:create",
            handler=start_run,
            summary="Bill all accounts of a cycle whose day has come (a job)",
            request=RunBills,
            response=BillRunView,
            tags=_TAGS,
        ),
        Endpoint(
            "GET",
            f"{_RUNS}/{{id}}",
            permission="billRun:read",
            handler=show_run,
            summary="A bill run: how far it is, and what it could not bill",
            response=BillRunView,
            tags=_TAGS,
        ),
        Endpoint(
            "GET",
            "/trunkline/v1/customerBill/{id}/explanation",
            permission="customerBill:read",
            handler=explain,
            summary="A bill explained line by line",
            response=BillExplanation,
            tags=_TAGS,
        ),
        Endpoint(
            "GET",
            f"{customer_bills.base_path}/{{id}}/document",
            permission="customerBill:read",
            handler=document(Printer()),
            summary="The printed bill (PDF)",
            tags=_TAGS,
        ),
    ]


async def start_run(call: Call) -> Reply:
    """Queue a run: 202 with the run; `Location` is the job, which has the same id. Raises as `check_run`."""
    command = call.body(RunBills)
    async with call.unit_of_work() as uow:
        await facade.check_run(uow, command, call.context)
        run_id = await create_job(uow, JOB_KIND, msgspec.to_builtins(command), call.context)
        await facade.open_run(uow, run_id, command, call.context)
        view = await facade.get_run(uow, run_id, call.context)
    return Reply(202, view, headers={"Location": f"/trunkline/v1/job/{run_id}"})


async def show_run(call: Call) -> Reply:
    """A run as it is now. Raises NotFound."""
    async with call.database.read() as session:
        return Reply(200, await facade.get_run(session, call.path["id"], call.context))


async def explain(call: Call) -> Reply:
    """Why each line is on the bill. Raises NotFound."""
    async with call.database.read() as session:
        return Reply(200, await facade.explain_bill(session, call.path["id"], call.context))


def document(printer: Printer) -> Handler:
    """The handler that prints bills, a few at once."""

    async def print_bill(call: Call) -> Reply:
        async with call.database.read() as session:
            bill = await facade.issued(session, call.path["id"], call.context)
        etag = f'"{bill.template_version}-{bill.document_sha256[:32]}"'
        if call.headers.get("if-none-match") == etag:
            return Reply(304, None, headers={"ETag": etag})
        name = _UNSAFE.sub("-", bill.bill_no)
        headers = {"ETag": etag, "Content-Disposition": f'inline; filename="{name}.pdf"'}
        return Reply(200, await printer.pdf(bill), headers=headers, media_type="application/pdf")

    return print_bill

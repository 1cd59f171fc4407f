"""Print a bill: its stored data through its template, by typst, to the same bytes whenever it is done."""

import asyncio
from datetime import datetime
from hashlib import sha256
from importlib import resources

from trunkline.bss.billing.contracts import Issued
from trunkline.kernel.errors import Conflict

TEMPLATES = {"invoice-1": "invoice.typ"}
"""Version → template. A template that bills were issued with never changes; a new look is a new version."""

_AT_ONCE = 2
_DATA_MAX = 20_000_000


class Printer:
    """Renders PDF documents in threads (typst releases the interpreter), a few at once; the others wait."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def pdf(self, bill: Issued) -> bytes:
        """The bill's document as PDF/UA-tagged PDF. Raises Conflict when the stored data is not what was issued."""
        async with self._slots:
            return await asyncio.to_thread(render, bill)


def render(bill: Issued) -> bytes:
    """The bill's document as PDF, byte-identical for the same bill.

    Creation date and document id come from the bill; only the fonts inside typst are used.
    Raises Conflict when the stored data does not match its hash, or its template is not known.
    """
    # typst is 40 MB of native code: only a process that prints bills loads it.
    import typst  # noqa: PLC0415

    data = bill.document.encode()
    if sha256(data).hexdigest() != bill.document_sha256 or len(data) > _DATA_MAX:
        raise Conflict(
            "documentDamaged",
            f"The stored document of bill {bill.bill_no} is not what was issued.",
            hint="Restore it from a backup; `trunkline check` names all that are damaged.",
        )
    if bill.template_version not in TEMPLATES:
        raise Conflict(
            "unknownTemplate", f"This release cannot print {bill.template_version}.", hint="Use a newer one."
        )
    template = (resources.files(__package__) / "templates" / TEMPLATES[bill.template_version]).read_bytes()
    document: bytes = typst.compile(
        template,
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"bill": bill.document},
        pdf_standards=["ua-1"],
        timestamp=whole_seconds(bill.bill_date),
    )
    return document


def whole_seconds(instant: datetime) -> datetime:
    """PDF dates have no fractions."""
    return instant.replace(microsecond=0)

"""The printed bill: what stands on it, that long ones break well, that it is the same bytes wherever and whenever."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec
import pypdf
import pytest

from trunkline.bss.billing.contracts import Issued, Letterhead
from trunkline.bss.billing.model.assembly import assemble
from trunkline.bss.billing.model.invoice import TEMPLATE_VERSION, Header, amount_words, invoice_data
from trunkline.bss.billing.model.terms import Terms, terms_of
from trunkline.bss.billing.rendering import render
from trunkline.bss.rating.facade import period_at, totals
from trunkline.kernel.errors import Unprocessable
from trunkline.kernel.money import Money

CYCLE = {"id": "c", "timeZone": "Europe/Berlin", "dayOfMonth": 1, "seller": {"id": "s"}, "currency": "EUR"}
DAY = date(2026, 7, 1)


def terms(**changed: Any) -> Terms:
    return terms_of({"id": "account-1", "name": "First Line"}, {**CYCLE, **changed})


def product(number: int, name: str) -> dict[str, Any]:
    price = {
        "name": "Voice channel",
        "priceType": "recurring",
        "recurringChargePeriod": "1 month",
        "productOfferingPrice": {"id": "p"},
        "price": {"dutyFreeAmount": {"unit": "EUR", "value": Decimal("1234.50")}},
        "tax": [{"taxCategory": "VAT", "taxRate": 19}],
    }
    return {
        "id": f"{number:04}",
        "name": name,
        "status": "active",
        "startDate": "2026-06-30T22:00:00.000Z",
        "productPrice": [price],
    }


def printed(products: list[dict[str, Any]]) -> bytes:
    rules = terms()
    cut_off = rules.cut_off(DAY)
    draft = assemble(products, {}, [], cut_off, rules)
    header = Header(
        bill_id="b",
        bill_no="NL-2026-000001",
        bill_day=DAY,
        due_day=rules.due_day(DAY),
        period=period_at(cut_off, cut_off, 1, rules.cycle),
        seller=Letterhead(
            id="s", name="Nordlicht Telecom GmbH", address=["Speicherstadt 4", "20457 Hamburg"], tax_id="DE1"
        ),
        buyer=Letterhead(
            id="b", name="Bäckerei Łódź & Söhne #1 *not bold* $x$", address=["Hafenstraße 12", "20457 Hamburg"]
        ),
    )
    data = invoice_data(header, draft.items, totals([item.line for item in draft.items], "EUR"), rules)
    document = msgspec.json.encode(data).decode()
    return render(
        Issued(
            id="b",
            bill_no="NL-2026-000001",
            bill_date=datetime(2026, 6, 30, 22, tzinfo=UTC),
            template_version=TEMPLATE_VERSION,
            document=document,
            document_sha256=sha256(document.encode()).hexdigest(),
        )
    )


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def test_what_stands_on_it() -> None:
    (text,) = pages(printed([product(1, "Office")]))
    for words in (
        "Invoice", "NL-2026-000001", "1 July 2026", "15 July 2026", "Nordlicht Telecom GmbH", "Speicherstadt 4", "VAT DE1",
        "Bäckerei Łódź & Söhne #1 *not bold* $x$", "Hafenstraße 12", "Office: Voice channel", "July 2026",
        "1,234.50", "VAT 19 % on 1,234.50", "234.56", "1,469.06", "Page 1 of 1",
    ):  # fmt: skip
        assert words in text, words


def test_a_hundred_lines_repeat_the_header_and_keep_the_sums() -> None:
    long = "Headquarters and logistics department with a name that is much longer than its column is wide"
    texts = pages(printed([product(n, f"{long} {n}") for n in range(100)]))
    assert len(texts) > 3
    assert all("Description" in text and "Net EUR" in text for text in texts[:-1])
    assert sum(text.count("1234.50 for July 2026") for text in texts) == 100
    assert "123,450.00" in texts[-1]
    assert "Total to pay" in texts[-1]
    assert f"Page {len(texts)} of {len(texts)}" in texts[-1]


def test_the_same_bill_is_the_same_bytes_and_tagged() -> None:
    first, second = printed([product(1, "Office")]), printed([product(1, "Office")])
    assert first == second
    reader = pypdf.PdfReader(io.BytesIO(first))
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("Invoice NL-2026-000001", "Nordlicht Telecom GmbH")
    assert str(reader.metadata.creation_date_raw).startswith("D:20260630220000")
    catalog: Any = reader.trailer["/Root"]
    assert catalog["/MarkInfo"]["/Marked"]
    assert catalog["/Lang"] == "en"


def test_amounts_in_words() -> None:
    assert [amount_words(Money(minor, "EUR")) for minor in (123_456_789, 5, -2_839)] == [
        "1,234,567.89",
        "0.05",
        "−28.39",
    ]
    assert amount_words(Money(1500, "JPY")) == "1,500"


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"dayOfMonth": 31}, "dayOfMonth"),
        ({"prorationPolicy": "sometimes"}, "prorationPolicy"),
        ({"seller": {}}, "seller"),
        ({"currency": None}, "currency"),
        ({"paymentDueDateOffset": -1}, "paymentDueDateOffset"),
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
    ],
)
def test_terms_that_cannot_be_are_refused(changed: dict[str, Any], path: str) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011  (Invalid or Unprocessable, by whom it is found)
        terms(**changed)
    assert path in str(getattr(refused.value, "path", "")) + str(refused.value)
    assert isinstance(refused.value, Unprocessable) or path == "timeZone"

"""Declared mappings: CDR lines into usage, and what is wrong with lines and declarations."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trunkline.adapters.cdr_files.mapping import CdrLine, mapping_names, reader_of
from trunkline.bss.usage.contracts import Refused, UsageEvent
from trunkline.kernel.errors import Invalid
from trunkline.kernel.quantity import Unit

HEADER = "callid,caller_id_number,destination_number,starting_date,billsec,duration,hangup_cause_id\n"
CALL = "c1,+904151440,+34798400122,2015-10-21 12:13:10,50,55,16\n"


def read(mapping: str, *lines: str) -> list[CdrLine]:
    return list(reader_of(mapping).read(lines))


def event(line: CdrLine) -> UsageEvent:
    assert isinstance(line.read, UsageEvent), line.read
    return line.read


def refusal(line: CdrLine) -> str:
    assert isinstance(line.read, Refused)
    return line.read.code


def test_a_call_with_header() -> None:
    [line] = read("voice-csv", "\ufeff" + HEADER, "\n", CALL)
    call = event(line)
    assert (call.usage_type, call.identifier_kind, call.identifier) == ("voice", "msisdn", "904151440")
    assert (call.quantity, call.unit, call.occurred_at) == (
        50,
        Unit.SECOND,
        datetime(2015, 10, 21, 12, 13, 10, tzinfo=UTC),
    )
    assert call.facts == {"destination": "+34798400122", "durationSeconds": "55", "hangupCause": "16"}
    assert (line.number, call.free_reason) == (3, None)


def test_order_of_columns_and_spaces_do_not_change_the_key() -> None:
    turned = "billsec, callid, caller_id_number, destination_number, starting_date, duration, hangup_cause_id\n"
    [one] = read("voice-csv", HEADER, CALL)
    [two] = read("voice-csv", turned, '50, "c1", +904151440, +34798400122, 2015-10-21 12:13:10, 55, 16\n')
    assert event(one) == event(two)


def test_columns_by_number_epoch_and_the_other_leg() -> None:
    inbound = (
        "1773500, John Bench, 065350450, 90, 11, 16, inbound, u1, 192.168.1.21, 1327521966, 1, 1, 1, 1, G722, G722"
    )
    one, two = read("freeswitch-csv", inbound, inbound.replace("inbound", "outbound").replace("u1", "u2"))
    assert (event(one).quantity, event(one).occurred_at) == (11, datetime(2012, 1, 25, 20, 6, 6, tzinfo=UTC))
    assert (event(one).free_reason, event(two).free_reason) == (None, "other-leg")


def test_a_call_nobody_answered_is_free() -> None:
    answered, busy = read(
        "voip-report-csv",
        '44650355212,32650781232,"ANSWER",25,12,1,2011-04-04 11:12:11',
        '44650781232,32650355512,"BUSY",13,12,1,2011-04-03 01:41:21',
    )
    assert (event(answered).free_reason, event(busy).free_reason) == (None, "not-answered")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("c1,904151440\n", "missing-column"),
        ("c1,904151440,34,2015-10-21 12:13:10,fifty,55,16\n", "invalid-number"),
        ("c1,904151440,34,2015-10-21 12:13:10,1.5,55,16\n", "invalid-number"),
        ("c1,904151440,34,2015-10-21 12:13:10,-50,55,16\n", "negative-number"),
        ("c1,904151440,34,2015-10-21 12:13:10,999999999999999999,55,16\n", "absurd-quantity"),
        ("c1,904151440,34,21.10.2015 12:13,50,55,16\n", "invalid-time"),
        ("c1,,34,2015-10-21 12:13:10,50,55,16\n", "missing-identifier"),
        ('c1,"904151440,34,2015-10-21 12:13:10,50,55,16\n', "malformed-line"),
    ],
)
def test_a_bad_line_is_refused_with_its_reason(line: str, code: str) -> None:
    [refused] = read("voice-csv", HEADER, line)
    assert refusal(refused) == code
    assert (refused.text, refused.header) == (line.rstrip("\n"), HEADER.rstrip("\n"))


def test_a_wrong_header_refuses_every_line_and_reading_again_needs_the_right_one() -> None:
    [line] = read("voice-csv", HEADER.replace("billsec", "seconds"), CALL)
    assert refusal(line) == "missing-column"
    assert event(reader_of("voice-csv").read_again(line.text, HEADER)).quantity == 50


@pytest.mark.parametrize(
    "change",
    [
        {'unit = "second"': 'unit = "furlong"'},
        {'zone = "UTC"': 'zone = "Mars/Base"'},
        {'dedupe = ["callid"]': "dedupe = []"},
        {"header = true": "headr = true"},
        {'usage_type = "voice"': ""},
        {'kind = "msisdn"': 'kind = "name"'},
    ],
)
def test_a_wrong_declaration_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    ours = Path(__file__).parents[4] / "src/trunkline/adapters/cdr_files/mappings/voice-csv.toml"
    text = ours.read_text()
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(Invalid):
        reader_of("mine", tmp_path)


def test_own_mappings_go_before_ours_and_unknown_ones_name_the_known(tmp_path: Path) -> None:
    ours = Path(__file__).parents[4] / "src/trunkline/adapters/cdr_files/mappings/voice-csv.toml"
    (tmp_path / "voice-csv.toml").write_text(ours.read_text().replace('title = "Voice', 'title = "Ours'))
    assert mapping_names(tmp_path)["voice-csv"].startswith("Ours")
    with pytest.raises(Invalid) as refused:
        reader_of("nope", tmp_path)
    assert "freeswitch-csv" in (refused.value.allowed or ())

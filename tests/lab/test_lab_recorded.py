"""The recorded accounting in tests/fixtures/radius/recorded is whole and holds the cases it says it holds."""

import json
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).parent.parent / "fixtures" / "radius" / "recorded"
BOB = "bob@example.net"


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDED / "accounting.jsonl").read_text().splitlines()]


def value(line: dict[str, Any], attribute: str) -> Any:
    return line["body"].get(attribute, {}).get("value", [None])[0]


def of(lines: list[dict[str, Any]], user: str) -> list[tuple[str, str]]:
    return [
        (value(line, "Acct-Session-Id"), value(line, "Acct-Status-Type"))
        for line in lines
        if value(line, "User-Name") == user
    ]


def test_arrivals_are_in_order_and_have_a_zone(lines: list[dict[str, Any]]) -> None:
    times = [datetime.fromisoformat(line["arrived"]) for line in lines]
    assert all(time.tzinfo for time in times)
    assert times == sorted(times)


def test_detail_holds_the_same_requests(lines: list[dict[str, Any]]) -> None:
    blocks = [block for block in (RECORDED / "detail").read_text().split("\n\n") if block.strip()]
    assert len(blocks) == len(lines)
    for name in ("Acct-Session-Id", "Acct-Status-Type"):
        written = Counter(
            row.split(" = ")[1].strip('"') for b in blocks for row in b.splitlines() if f"\t{name} =" in row
        )
        assert written == Counter(value(line, name) for line in lines)


def test_every_repeat_is_the_same_record(lines: list[dict[str, Any]]) -> None:
    bodies = [json.dumps(line["body"], sort_keys=True) for line in lines]
    repeated = [body for body, count in Counter(bodies).items() if count == 2]
    answers = {body: [line["status"] for line, b in zip(lines, bodies, strict=True) if b == body] for body in repeated}
    # One was refused and came again; one was taken, but the answer came too late.
    assert sorted(answers.values()) == [[204, 204], [503, 204]]


def test_counters_never_shrink_within_a_session(lines: list[dict[str, Any]]) -> None:
    sessions = {value(line, "Acct-Session-Id") for line in lines} - {"0"}
    assert len(sessions) == 4
    for session in sessions:
        counted = [
            line for line in lines if value(line, "Acct-Session-Id") == session and "Acct-Output-Octets" in line["body"]
        ]
        for name in ("Acct-Session-Time", "Acct-Input-Octets", "Acct-Output-Octets"):
            assert all(int(value(a, name)) <= int(value(b, name)) for a, b in pairwise(counted))


def test_a_stop_is_lost_with_the_gateway(lines: list[dict[str, Any]]) -> None:
    first, second = dict.fromkeys(session for session, _ in of(lines, BOB))
    kinds = {session: [kind for s, kind in of(lines, BOB) if s == session] for session in (first, second)}
    assert kinds[first][0] == kinds[second][0] == "Start"
    assert "Stop" not in kinds[first]
    assert kinds[second][-1] == "Stop"
    everything = [value(line, "Acct-Status-Type") for line in lines]
    on = everything.index("Accounting-On")
    assert max(i for i, line in enumerate(lines) if value(line, "Acct-Session-Id") == first) < on
    assert min(i for i, line in enumerate(lines) if value(line, "Acct-Session-Id") == second) > on
    assert everything[-1] == "Accounting-Off"

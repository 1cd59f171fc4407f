"""120 sessions in 1,261 records with late and repeated packets: every session to the octet, in any order."""

import gzip
import json
import random
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from trunkline.bss.usage.model.accounting import AccountingRecord, read_attributes
from trunkline.bss.usage.model.session import Session, apply

DATA = Path(__file__).parents[4] / "tests" / "data" / "usage"


def records() -> list[AccountingRecord]:
    with gzip.open(DATA / "radius-accounting.jsonl.gz", "rt") as lines:
        parsed = [json.loads(line) for line in lines]
    return [read_attributes(dict(p["attributes"]), datetime.fromisoformat(p["arrived"])) for p in parsed]


def truth() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / "radius-accounting.truth.json").read_text())
    return found


def count(feed: list[AccountingRecord]) -> tuple[dict[str, list[Session]], int, int]:
    sessions: dict[str, dict[int, Session]] = defaultdict(dict)
    known: set[str] = set()
    added = 0
    for record in feed:
        if record.dedupe_key in known:
            continue
        known.add(record.dedupe_key)
        applied = apply(list(sessions[record.session_id].values()), record)
        sessions[record.session_id][applied.session.generation] = applied.session
        added += applied.added
    return {name: list(generations.values()) for name, generations in sessions.items()}, added, len(known)


@pytest.mark.parametrize("seed", [None, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("times", [1, 2])
def test_every_session_equals_the_truth(seed: int | None, times: int) -> None:
    feed = records() * times
    if seed is not None:
        random.Random(seed).shuffle(feed)
    sessions, added, distinct = count(feed)
    wanted = truth()
    assert {
        name: [(s.input.total, s.output.total, s.closed_by is not None) for s in found]
        for name, found in sessions.items()
    } == {t["session"]: [(t["inputOctets"], t["outputOctets"], t["stopped"])] for t in wanted}
    assert added == sum(t["inputOctets"] + t["outputOctets"] for t in wanted)
    assert (len(feed), distinct) == (1_261 * times, len({r.dedupe_key for r in records()}))

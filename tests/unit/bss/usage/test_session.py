"""Cumulative counters made into increments: disorder, repetition, wraps, restarts, re-used ids."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.bss.usage.model.accounting import AccountingRecord, Status
from trunkline.bss.usage.model.session import Closure, Session, apply

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
START, INTERIM, STOP = Status.START, Status.INTERIM, Status.STOP


def record(status: Status, seconds: int, octets: int | None = None, **other: Any) -> AccountingRecord:
    """A record `seconds` into a session that began at `began` (noon); `octets` is the output counter."""
    began = other.pop("began", NOON)
    wraps = other.pop("gigawords", 0)
    return AccountingRecord(
        status=status,
        nas="bng-1",
        session_id="A1",
        user="alice",
        port="17",
        session_time=seconds,
        input_octets=None if octets is None else 0,
        input_gigawords=None if wraps is None or octets is None else 0,
        output_octets=octets,
        output_gigawords=None if octets is None else wraps,
        event_at=began + timedelta(seconds=seconds),
        **other,
    )


def feed(records: list[AccountingRecord]) -> tuple[list[Session], list[int]]:
    """Sessions in order of generation, and what each record added."""
    sessions: dict[int, Session] = {}
    added = []
    for one in records:
        applied = apply(list(sessions.values()), one)
        sessions[applied.session.generation] = applied.session
        added.append(applied.added)
    return list(sessions.values()), added


def test_increments_add_up_to_the_last_total() -> None:
    sessions, added = feed(
        [record(START, 0), record(INTERIM, 300, 100), record(INTERIM, 600, 250), record(STOP, 700, 260)]
    )
    assert added == [0, 100, 150, 10]
    assert [(s.octets, s.closed_by, s.session_time) for s in sessions] == [(260, Closure.STOP, 700)]


def test_gigawords_count_four_gibibytes_each() -> None:
    _, added = feed(
        [record(INTERIM, 300, 4_000_000_000), record(INTERIM, 600, 5, gigawords=1), record(STOP, 900, 7, gigawords=3)]
    )
    assert added == [4_000_000_000, 2**32 + 5 - 4_000_000_000, 2 * 2**32 + 2]


def test_a_late_lower_interim_adds_nothing() -> None:
    _, added = feed([record(INTERIM, 600, 250), record(INTERIM, 300, 100), record(STOP, 700, 260)])
    assert added == [250, 0, 10]


def test_repetition_adds_nothing() -> None:
    _, added = feed([record(START, 0), record(START, 0), record(INTERIM, 300, 100), record(INTERIM, 300, 100)])
    assert added == [0, 0, 100, 0]


def test_interim_without_start_and_stop_without_interim() -> None:
    assert feed([record(INTERIM, 30, 10)])[1] == [10]
    assert feed([record(STOP, 120, 15)])[1] == [15]
    sessions, _ = feed([record(STOP, 120, 15), record(START, 0)])
    assert [(s.generation, s.octets, s.closed_by) for s in sessions] == [(1, 15, Closure.STOP)]


def test_a_counter_without_gigawords_wraps() -> None:
    readings = [(300, 3_000_000_000), (600, 4_200_000_000), (900, 100), (1200, 4_000_000_000), (1500, 1)]
    sessions, added = feed([record(INTERIM, at, octets, gigawords=None) for at, octets in readings])
    assert added == [
        3_000_000_000,
        1_200_000_000,
        2**32 + 100 - 4_200_000_000,
        3_999_999_900,
        2**32 + 1 - 4_000_000_000,
    ]
    assert sessions[0].octets == 2 * 2**32 + 1


def test_a_late_interim_is_not_taken_for_a_wrap() -> None:
    _, added = feed(
        [record(INTERIM, 600, 4_200_000_000, gigawords=None), record(INTERIM, 300, 3_000_000_000, gigawords=None)]
    )
    assert added == [4_200_000_000, 0]


def test_gigawords_that_appear_with_the_first_wrap_are_exact() -> None:
    """A NAS may leave out the attribute while it is zero."""
    _, added = feed(
        [
            record(INTERIM, 300, 4_200_000_000, gigawords=None),
            record(INTERIM, 600, 100, gigawords=1),
            record(INTERIM, 300, 4_100_000_000, gigawords=None),
        ]
    )
    assert added == [4_200_000_000, 2**32 + 100 - 4_200_000_000, 0]


def test_an_id_used_again_after_a_restart_is_another_generation() -> None:
    again = NOON + timedelta(hours=1)
    sessions, added = feed(
        [
            record(START, 0),
            record(INTERIM, 600, 500),
            record(START, 0, began=again),
            record(INTERIM, 300, 80, began=again),
            record(INTERIM, 900, 700),
            record(STOP, 600, 90, began=again),
        ]
    )
    assert added == [0, 500, 0, 80, 200, 10]
    assert [(s.generation, s.octets) for s in sessions] == [(1, 700), (2, 90)]


def test_an_id_used_again_seconds_after_its_stop_is_another_generation() -> None:
    again = NOON + timedelta(seconds=40)
    first = [record(START, 0), record(STOP, 30, 500)]
    second = [record(START, 0, began=again), record(STOP, 30, 400, began=again)]
    sessions, added = feed(first + second)
    assert added == [0, 500, 0, 400]
    assert [s.generation for s in sessions] == [1, 2]


def test_a_stop_that_comes_after_the_restart_still_counts_once() -> None:
    sessions, _ = feed([record(INTERIM, 600, 500)])
    closed = sessions[0].closed(NOON + timedelta(seconds=700), Closure.RESTART)
    applied = apply([closed], record(STOP, 650, 520))
    assert (applied.added, applied.session.generation, applied.session.closed_by) == (20, 1, Closure.STOP)


def test_a_sign_of_life_opens_a_session_closed_for_inactivity() -> None:
    sessions, _ = feed([record(INTERIM, 600, 500)])
    applied = apply(
        [sessions[0].closed(NOON + timedelta(seconds=2_000), Closure.INACTIVITY)], record(INTERIM, 3_000, 900)
    )
    assert (applied.added, applied.session.closed_by) == (400, None)


def test_restart_and_successor_close_only_what_was_not_seen_since() -> None:
    [session], _ = feed([record(INTERIM, 600, 500)])
    assert session.ends_with_restart(NOON + timedelta(seconds=600))
    assert not session.ends_with_restart(NOON + timedelta(seconds=599))
    [other], _ = feed([record(START, 0, began=NOON + timedelta(seconds=900))])
    successor = Session(**{f: getattr(other, f) for f in other.__struct_fields__} | {"session_id": "B2"})
    assert session.ends_with(successor)
    assert not successor.ends_with(session)


def test_without_session_time_records_go_to_the_newest_generation() -> None:
    untimed = AccountingRecord(
        status=INTERIM, nas="bng-1", session_id="A1", output_octets=900, event_at=NOON + timedelta(seconds=800)
    )
    assert apply(feed([record(INTERIM, 600, 500)])[0], untimed).added == 400
    assert apply([], untimed).added == 900


def unstamped(status: Status, arrived: int, seconds: int, octets: int) -> AccountingRecord:
    """A record without Event-Timestamp that came `arrived` seconds after noon."""
    return AccountingRecord(
        status=status,
        nas="bng-1",
        session_id="A1",
        session_time=seconds,
        output_octets=octets,
        event_at=NOON + timedelta(seconds=arrived),
        exact_time=False,
    )


def test_without_stamps_a_buffer_delivered_at_once_is_one_session() -> None:
    at_once = [unstamped(INTERIM, 5_000 + n, 300 * n, 100 * n) for n in range(1, 11)]
    for feeding in (at_once, at_once[::-1]):
        sessions, added = feed([*feeding, unstamped(STOP, 5_020, 3_100, 1_050)])
        assert (len(sessions), sum(added)) == (1, 1_050)


def test_without_stamps_a_repetition_that_comes_late_adds_nothing() -> None:
    stopped = [unstamped(INTERIM, 300, 300, 100), unstamped(STOP, 400, 400, 200)]
    sessions, added = feed([*stopped, unstamped(INTERIM, 900, 350, 150)])
    assert (len(sessions), added) == (1, [100, 100, 0])


def test_without_stamps_an_id_used_again_is_another_generation() -> None:
    first = [unstamped(INTERIM, 300, 300, 100), unstamped(INTERIM, 600, 600, 200)]
    second = [unstamped(INTERIM, 2_000, 700, 300), unstamped(STOP, 2_100, 800, 400)]
    sessions, added = feed(first + second)
    assert ([s.octets for s in sessions], added) == ([200, 400], [100, 100, 300, 100])


@given(
    st.lists(st.integers(0, 2**36), min_size=1, max_size=12).map(sorted),
    st.randoms(use_true_random=False),
    st.integers(0, 5),
)
def test_any_order_and_any_repetition_add_up_to_the_last_total(totals: list[int], shuffle: Any, repeats: int) -> None:
    """Two generations of one id, interleaved, shuffled, some records twice: each sums to its own last total."""
    records = []
    for began in (NOON, NOON + timedelta(hours=9)):
        for n, total in enumerate(totals):
            records.append(record(INTERIM, 300 * (n + 1), total % 2**32, gigawords=total // 2**32, began=began))
        records.append(record(START, 0, began=began))
    records += records[:repeats]
    shuffle.shuffle(records)
    sessions, added = feed(records)
    assert sorted(s.octets for s in sessions) == [totals[-1], totals[-1]]
    assert sum(added) == 2 * totals[-1]


@pytest.mark.parametrize("octets", [None, 0])
def test_nothing_counted_adds_nothing(octets: int | None) -> None:
    assert feed([record(START, 0, octets), record(STOP, 5, octets)])[1] == [0, 0]

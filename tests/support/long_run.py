"""Runs as many of the long tests as fit into a time: with TRUNKLINE_LONG_MINUTES=20 those that are not begun by then are
skipped; TRUNKLINE_LONG_TURN=7, a number that changes from run to run, moves the beginning, so that each gets its turn.
Beginnings lie a golden section apart: any few turns in a row are spread over the whole."""

import os
import time

import pytest

_GOLDEN_SECTION = (5**0.5 - 1) / 2


class LongRun:
    """Ends a run of long tests in time."""

    def __init__(self, minutes: int, turn: int) -> None:
        self._minutes = minutes
        self._turn = turn
        self._ends_at = time.monotonic() + minutes * 60

    @classmethod
    def from_environment(cls) -> "LongRun | None":
        minutes = os.environ.get("TRUNKLINE_LONG_MINUTES")
        return None if minutes is None else cls(int(minutes), int(os.environ.get("TRUNKLINE_LONG_TURN", "0")))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        start = int(self._turn * _GOLDEN_SECTION % 1 * len(items))
        items[:] = items[start:] + items[:start]

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if item.get_closest_marker("long") is not None and time.monotonic() > self._ends_at:
            pytest.skip(f"the {self._minutes} minutes of this run are over; another run has it earlier")

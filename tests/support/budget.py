"""Time budgets of the test folders (tests/budget.toml): what each took is printed, so that slowness has an owner."""

import os
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

_FILE = Path(__file__).parent.parent / "budget.toml"
_TOLERANCE = 2


class Budget:
    """Adds up what the tests of each folder took, over all workers."""

    def __init__(self) -> None:
        self._minutes: dict[str, float] = tomllib.loads(_FILE.read_text())["minutes"]
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        folder = self._folder(report.nodeid)
        self._seconds[folder] += report.duration

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        enforced = os.environ.get("TRUNKLINE_ENFORCE_BUDGET") == "1"
        if enforced and self.exceeded() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("time by folder (of budget)")
        for folder, seconds in sorted(self._seconds.items()):
            allowed = self._minutes.get(folder)
            text = "no budget" if allowed is None else f"{allowed * 60:.0f} s"
            terminalreporter.line(f"{folder:<20} {seconds:8.1f} s of {text}")
        for folder in self.exceeded():
            terminalreporter.line(f"{folder} took more than {_TOLERANCE} times its budget", red=True)

    def exceeded(self) -> list[str]:
        """The folders that took more than twice their budget, or have none."""
        return [
            folder
            for folder, seconds in sorted(self._seconds.items())
            if seconds > _TOLERANCE * 60 * self._minutes.get(folder, 0)
        ]

    def _folder(self, nodeid: str) -> str:
        parts = Path(nodeid.split("::")[0]).parts
        return parts[1] if len(parts) > 2 else parts[0]

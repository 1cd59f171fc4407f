"""The rules of a test run: budgets are enforced, long runs end in time. Each is proven by a small run of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_TESTS = """
import time
import pytest

@pytest.mark.long
@pytest.mark.parametrize("n", range(4))
def test_n(n):
    assert n >= 0
"""


def _run(folder: Path, plugin: str, *, test: str = _TESTS, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A run of pytest in a folder of its own, with one plugin of ours."""
    (folder / "tests" / "slow").mkdir(parents=True)
    (folder / "tests" / "slow" / "test_it.py").write_text(test)
    (folder / "conftest.py").write_text(f"def pytest_configure(config):\n    config.pluginmanager.register({plugin})\n")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = long: long\n")
    env = os.environ | environment | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", "-v", "tests"]
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=120)


_BUDGET = '__import__("tests.support.budget", fromlist=["x"]).Budget()'
_LONG = '__import__("tests.support.long_run", fromlist=["x"]).LongRun'


@pytest.mark.parametrize(("enforced", "status"), [("1", 1), ("0", 0)])
def test_a_folder_without_budget_fails_an_enforced_run_only(tmp_path: Path, enforced: str, status: int) -> None:
    done = _run(tmp_path, _BUDGET, TRUNKLINE_ENFORCE_BUDGET=enforced)
    assert done.returncode == status, done.stdout
    assert "slow took more than 2 times its budget" in done.stdout
    assert "4 passed" in done.stdout


def test_a_long_run_skips_what_it_cannot_begin_in_time_and_says_so(tmp_path: Path) -> None:
    done = _run(tmp_path, f"{_LONG}(0, 0)")
    assert "4 skipped" in done.stdout
    assert "the 0 minutes of this run are over" in done.stdout


def test_the_turn_moves_the_beginning_and_leaves_nothing_out(tmp_path: Path) -> None:
    done = _run(tmp_path, f"{_LONG}(20, 6)")
    order = [line.split("[")[1][0] for line in done.stdout.splitlines() if "test_n[" in line and "PASSED" in line]
    assert order == ["2", "3", "0", "1"]

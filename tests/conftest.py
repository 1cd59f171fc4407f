"""Fixtures for all tests: a PostgreSQL server a run, databases from a migrated template, the companion folder."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import budget, database, long_run

ROOT = Path(__file__).parent.parent


def pytest_configure(config: pytest.Config) -> None:
    database.choose_programs()
    is_worker = hasattr(config, "workerinput")
    if not is_worker:
        config.pluginmanager.register(budget.Budget())
    if (limited := long_run.LongRun.from_environment()) is not None:
        config.pluginmanager.register(limited)


@pytest.fixture(scope="session")
def database_server(testrun_uid: str) -> Iterator[database.TestServer]:
    """The PostgreSQL of this test run, started when the first test asks for it."""
    folder = Path(tempfile.gettempdir()) / f"trunkline-test-{testrun_uid[:12]}"
    with database.shared_server(folder) as server:
        yield server


@pytest.fixture(scope="module")
def database_dsn(database_server: database.TestServer) -> Iterator[str]:
    """The DSN of a fresh, migrated, empty database for this test module."""
    dsn = database_server.create_database()
    yield dsn
    database_server.drop_database(dsn)


@pytest.fixture
def own_database_dsn(database_server: database.TestServer) -> Iterator[str]:
    """As `database_dsn`, for one test only: where a test counts rows or runs what looks at everything."""
    dsn = database_server.create_database()
    yield dsn
    database_server.drop_database(dsn)


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The read-only companion folder beside the project, with contracts and data. Skips without it, except under CI."""
    folder = ROOT.parent / "shared"
    if folder.is_dir():
        return folder
    if os.environ.get("CI"):
        pytest.fail(f"CI needs the companion folder {folder}")
    pytest.skip("the companion folder ../shared is not there")

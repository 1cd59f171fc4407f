"""`trunkline usage`: what people type, and what they read."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.domain.usage.conftest import DATA
from trunkline.app.cli.usage import usage

REPORT = DATA / "cdr-stats" / "import_voipcall_report.txt"


@pytest.fixture
def home(database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRUNKLINE_DATABASE_URL", database_dsn)
    monkeypatch.setenv("TRUNKLINE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(usage, words)


def test_import_twice_look_mend_and_process_again(home: Path) -> None:
    first = run("import", str(REPORT), "--mapping", "voip-report-csv")
    assert first.exit_code == 0, first.output
    lines = first.stdout.splitlines()
    assert lines[0].startswith("import_voipcall_report.txt  10 records  ")
    assert lines[1:] == [
        "in 10 = rated 0 + free 6 + suspended 3 + rejected 1",
        "suspended: 3 unknown-number → trunkline usage suspense list --reason unknown-number",
        "rejected: 1 missing-column → trunkline usage suspense list --reason missing-column",
    ]
    again = run("import", str(REPORT), "--mapping", "voip-report-csv").stdout.splitlines()
    assert again[1:] == [
        "10 were known already; nothing of them was changed",
        "in 0 = rated 0 + free 0 + suspended 0 + rejected 0",
    ]
    reasons = run("suspense", "list").stdout
    assert "unknown-number" in reasons
    assert "missing-column" in reasons
    assert "import_voipcall_report.txt:10" in run("suspense", "list", "--reason", "missing-column").stdout
    done = run("suspense", "reprocess").stdout
    assert done == "looked at 4 = rated 0 + free 0 + suspended 3 + rejected 1\n"


def test_mappings_are_listed_with_own_ones(home: Path) -> None:
    assert {line.split()[0] for line in run("mappings").stdout.splitlines()} >= {
        "detail",
        "voice-csv",
        "freeswitch-csv",
    }


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((str(REPORT),), 2, "Say how the files are read: either --detail or --mapping NAME."),
        ((str(REPORT), "--detail", "--mapping", "voice-csv"), 2, "either --detail or --mapping"),
        (("/nonexistent", "--detail"), 2, "does not exist"),
        (
            (str(REPORT), "--mapping", "nope"),
            1,
            "There is no mapping 'nope'. One of your own goes into `mappings/NAME.toml` in the installation's home. Allowed: ",
        ),
        (
            (str(REPORT), "--detail", "--zone", "Berlin"),
            1,
            "'Berlin' is not an IANA time zone. Zones are named as Europe/Berlin or UTC.",
        ),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(home: Path, words: tuple[str, ...], code: int, said: str) -> None:
    refused = run("import", *words)
    assert refused.exit_code == code
    assert said in refused.output
    assert isinstance(refused.exception, SystemExit)
    assert "in 0 = " not in refused.output

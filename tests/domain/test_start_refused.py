"""What keeps an installation from starting is said in words, with what to do: no traceback, no password, nothing begun."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from trunkline.app.cli.database import _without_password
from trunkline.app.place import with_port
from trunkline.app.processes import read_running
from trunkline.app.settings import Settings


def refused(home: Path, *words: str, **variables: str) -> str:
    """What the command says; it must fail, and briefly."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    done = subprocess.run(
        [sys.executable, "-m", "trunkline", *words],
        env={**kept, "TRUNKLINE_HOME": str(home), "TRUNKLINE_HTTP_PORT": "0", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert "Error: " in said
    assert not (home / "run.json").exists()
    return said


@pytest.mark.parametrize("command", ["up", "serve"])
def test_a_taken_port_is_named_with_the_variable_that_changes_it(tmp_path: Path, command: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        said = refused(tmp_path / "home", command, TRUNKLINE_HTTP_PORT=port)
    assert f"Port {port} on 127.0.0.1 is taken by another program. Nothing was started." in said
    assert "TRUNKLINE_HTTP_PORT" in said
    assert not (tmp_path / "home").exists()


def test_an_address_that_is_not_this_machines(tmp_path: Path) -> None:
    assert "TRUNKLINE_HTTP_HOST" in refused(tmp_path / "home", "up", TRUNKLINE_HTTP_HOST="192.0.2.1")


def test_port_0_takes_a_free_one_for_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_HTTP_PORT", "0")
    found = with_port(Settings.from_environment()).http_port
    assert found > 0
    assert os.environ["TRUNKLINE_HTTP_PORT"] == str(found)


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    assert f"{tmp_path / 'home'}: File exists. Choose another place" in refused(tmp_path / "home", "up")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_home_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "Permission denied" in refused(tmp_path / "closed" / "home", "up")


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("127.0.0.1:1/x", "PostgreSQL does not answer. 127.0.0.1:1/x: "),
        ("nowhere.invalid/x", "PostgreSQL does not answer. nowhere.invalid/x: "),
    ],
)
def test_a_server_that_is_not_there(tmp_path: Path, where: str, words: str) -> None:
    said = refused(tmp_path / "home", "up", TRUNKLINE_DATABASE_URL=f"postgresql://anna:secret@{where}")
    assert words in said
    assert "secret" not in said


def test_a_url_that_is_none(tmp_path: Path) -> None:
    said = refused(tmp_path / "home", "up", TRUNKLINE_DATABASE_URL="mysql://anna:secret@here/x")
    assert "TRUNKLINE_DATABASE_URL must be a URL that begins with postgresql://" in said
    assert "secret" not in said


def test_a_database_that_is_not_there(tmp_path: Path, database_dsn: str) -> None:
    parts = urlsplit(database_dsn)
    said = refused(tmp_path / "home", "up", TRUNKLINE_DATABASE_URL=parts._replace(path="/none").geturl())
    assert 'database "none" does not exist' in said
    assert "createdb --owner=USER NAME" in said


async def test_a_user_who_may_not_make_the_schema(tmp_path: Path, database_dsn: str) -> None:
    connection = await asyncpg.connect(database_dsn)
    await connection.execute("drop role if exists guest")
    await connection.execute("create role guest login")
    await connection.close()
    parts = urlsplit(database_dsn)
    as_guest = parts._replace(netloc=f"guest@{parts.netloc.rpartition('@')[2]}").geturl()
    for command in (("up",), ("db", "upgrade")):
        said = refused(tmp_path / "home", *command, TRUNKLINE_DATABASE_URL=as_guest)
        assert "permission denied" in said
        assert "must own the database" in said


def test_a_process_id_that_was_given_to_another_is_not_an_installation(tmp_path: Path) -> None:
    """After kill -9 and a restart of the machine the number in run.json may be anybody's."""
    (tmp_path / "run.json").write_text(json.dumps({"pid": os.getpid(), "processes": {}, "urls": {}}))
    assert read_running(tmp_path) is None
    (tmp_path / "run.lock").touch()
    assert read_running(tmp_path) is None
    with (tmp_path / "run.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert read_running(tmp_path) is not None


@pytest.mark.parametrize(
    ("dsn", "shown", "password"),
    [
        ("postgresql://anna:s%2Fcret@here:5/x", "postgresql://anna@here:5/x", "s/cret"),
        (
            "postgresql://anna@here/x?password=secret&sslmode=require",
            "postgresql://anna@here/x?sslmode=require",
            "secret",
        ),
        ("postgresql:///x?host=/run/pg&user=anna", "postgresql:///x?host=/run/pg&user=anna", None),
    ],
)
def test_psql_is_not_given_the_password_among_its_words(dsn: str, shown: str, password: str | None) -> None:
    assert _without_password(dsn) == (shown, password)

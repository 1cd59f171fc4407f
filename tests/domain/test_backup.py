"""Backup and restore on real databases: one snapshot under writes, proof by restoring, refusals, interruptions."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.support.database import TestServer
from tests.support.keeper import database_url
from trunkline.app import backup_archive, migrate
from trunkline.app.backup import compare, connect, make_backup, prove
from trunkline.app.backup_archive import Manifest, read_manifest
from trunkline.app.restore import restore
from trunkline.app.revision import newest_revision
from trunkline.app.settings import Settings
from trunkline.bss.party.resources import individuals
from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, ReadSession
from trunkline.kernel.db.copying import split_password
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.db.fingerprint import fingerprint, tables
from trunkline.kernel.errors import Conflict, Invalid, Precondition, TrunklineError, Unavailable
from trunkline.kernel.ids import new_id
from trunkline.oss.activation.sealing import KEY_FILE, load_key

PEOPLE = 60


def quiet(_what: str, _done: int, _total: int) -> None:
    """No progress."""


def context() -> Context:
    return Context(
        tenant="default",
        actor="tester",
        channel="api",
        now=datetime.now(UTC),
        correlation_id=new_id(),
    )


async def add_person(database: Database, name: str) -> str:
    async with database.unit_of_work() as uow:
        created = await individuals.create(uow, {"familyName": name, "givenName": "First"}, context())
        await individuals.patch(uow, created["id"], {"givenName": "Second"}, context())
    return str(created["id"])


@pytest.fixture
async def database(own_database_dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(own_database_dsn, clock=Clock())
    await asyncio.gather(*(add_person(opened, f"Person {n}") for n in range(PEOPLE)))
    yield opened
    await opened.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with its keys, a mapping of its own, and things that do not belong into a copy."""
    folder = tmp_path / "home"
    load_key(folder)
    (folder / "operator.key").write_text("tk_operator\n")
    (folder / "mappings").mkdir()
    (folder / "mappings" / "own.toml").write_text('name = "own"\n')
    (folder / "log").mkdir()
    (folder / "log" / "serve.log").write_text("not to be copied\n")
    return folder


@pytest.fixture
async def copy(database: Database, home: Path, tmp_path: Path) -> Path:
    """A backup, not proven (what damages it afterwards is found anyway)."""
    file = tmp_path / "copy.tar"
    await make_backup(database.dsn, home, file, clock=database.clock, verify=False, progress=quiet)
    return file


@pytest.fixture
async def empty_dsn(database_server: TestServer, database: Database) -> AsyncIterator[str]:
    """A database without anything in it, on a server that others started."""
    name = f"empty_{new_id().replace('-', '')}"
    connection = await asyncpg.connect(database.dsn)
    await connection.execute(f"create database {name} template template0")
    dsn = database_url(database.dsn, name)
    yield dsn
    await connection.close()
    database_server.drop_database(dsn)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def figures(dsn: str) -> dict[str, Any]:
    connection = await connect(dsn)
    try:
        session = ReadSession(connection)
        return {name: await fingerprint(session, name) for name in await tables(session)}
    finally:
        await connection.close()


def rewritten(copy: Path, edit: Callable[[Manifest], Manifest]) -> Path:
    """The copy with another manifest, correctly hashed."""
    manifest = edit(read_manifest(copy))
    folder = Path(tempfile.mkdtemp(dir=copy.parent))
    with tarfile.open(copy) as tar:
        files = []
        for part in manifest.parts:
            source = tar.extractfile(part.name)
            assert source is not None
            (folder / part.sha256).write_bytes(source.read())
            files.append((part, folder / part.sha256))
    target = folder / "copy.tar"
    asyncio.run(backup_archive.write(target, manifest, files, quiet))
    return target


@pytest.mark.pg_matrix
async def test_a_copy_made_under_writes_is_one_snapshot_and_restores_to_a_working_installation(
    database: Database, home: Path, tmp_path: Path
) -> None:
    file, ended = tmp_path / "copy.tar", asyncio.Event()

    async def write_on() -> int:
        n = 0
        while not ended.is_set():
            await add_person(database, f"Later {n}")
            n += 1
        return n

    writing = asyncio.create_task(write_on())
    try:
        manifest = await make_backup(database.dsn, home, file, clock=database.clock, progress=quiet)
    finally:
        ended.set()
    written = await writing
    people = manifest.tables["party.individual"].rows
    assert written > 0
    assert PEOPLE <= people < PEOPLE + written, "writes went on after the snapshot, and are not in it"
    assert manifest.tables["party.individual_history"].rows == people, "record and history are of one instant"
    assert manifest.tables["kernel.audit"].rows == 2 * people
    assert file.stat().st_mode & 0o777 == 0o600
    assert names_in(tmp_path) == ["copy.tar", "home"]

    restored = tmp_path / "restored"
    assert await restore(file, Settings(home=restored), quiet) == manifest
    assert names_in(restored) == ["mappings", "operator.key", "pg", KEY_FILE]
    for name in (KEY_FILE, "operator.key", "mappings/own.toml"):
        assert (restored / name).read_bytes() == (home / name).read_bytes()
        assert (restored / name).stat().st_mode & 0o777 == 0o600
    server = EmbeddedServer(restored)
    try:
        dsn = server.start()
        assert await figures(dsn) == manifest.tables
        assert await asyncio.to_thread(migrate.difference, dsn) == []
        again = await Database.connect(dsn, clock=Clock())
        try:
            id_ = await add_person(again, "After the restore")
            async with again.read() as session:
                assert (await individuals.get(session, id_, context()))["givenName"] == "Second"
        finally:
            await again.close()
    finally:
        server.stop()


@pytest.mark.pg_matrix
async def test_restore_into_an_external_server_once_and_never_over_something(
    copy: Path, empty_dsn: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "other", database_url=empty_dsn)
    manifest = await restore(copy, settings, quiet)
    assert await figures(empty_dsn) == manifest.tables
    assert (settings.home / KEY_FILE).exists()
    with pytest.raises(Conflict, match=r"holds .* Nothing was changed") as refused:
        await restore(copy, settings, quiet)
    assert refused.value.code == "notEmpty"
    assert await figures(empty_dsn) == manifest.tables


async def test_an_interrupted_restore_leaves_an_empty_database_and_no_files(
    copy: Path, empty_dsn: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "other", database_url=empty_dsn)
    started = asyncio.Event()
    work = asyncio.create_task(restore(copy, settings, lambda what, _d, _t: _set(started, what, "building indexes")))
    await started.wait()
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    assert work.cancelled()
    assert names_in(settings.home) == []
    await restore(copy, settings, quiet)  # which would refuse a database that is not empty


def _set(event: asyncio.Event, what: str, wanted: str) -> None:
    if what == wanted:
        event.set()


def test_a_terminated_backup_leaves_nothing(own_database_dsn: str, home: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "TRUNKLINE_DATABASE_URL": own_database_dsn, "TRUNKLINE_HOME": str(home)}
    file = tmp_path / "copies" / "copy.tar"
    file.parent.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "trunkline", "backup", str(file)], env=environment, stdout=subprocess.PIPE
    )
    try:
        while not list(file.parent.glob(".copy.tar.making/database.dump")):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert names_in(file.parent) == []


def damage(copy: Path, where: str) -> None:
    content = bytearray(copy.read_bytes())
    if where == "its end":
        del content[len(content) // 2 :]
    else:
        with tarfile.open(copy) as tar:
            names = {"the dump": "database.dump", "the manifest": "manifest.json", "a key": f"home/{KEY_FILE}"}
            member = tar.getmember(names[where])
        content[member.offset_data + member.size // 2] ^= 1
    copy.write_bytes(content)


@pytest.mark.parametrize("where", ["the dump", "the manifest", "a key", "its end"])
async def test_a_damaged_copy_is_refused_before_anything_is_made(copy: Path, tmp_path: Path, where: str) -> None:
    damage(copy, where)
    target = tmp_path / "target"
    with pytest.raises(Invalid) as refused:
        await restore(copy, Settings(home=target), quiet)
    assert refused.value.code == "backupDamaged"
    assert not target.exists()


async def test_what_is_no_backup_is_refused_by_name(tmp_path: Path, own_database_dsn: str) -> None:
    text, tar = tmp_path / "notes.txt", tmp_path / "other.tar"
    text.write_text("not a tar" * 1000)
    with tarfile.open(tar, "w") as other:
        other.add(text, "notes.txt")
    for file, code in ((text, "noBackup"), (tar, "noBackup"), (tmp_path / "none.tar", "noSuchBackup")):
        with pytest.raises(Invalid) as refused:
            await restore(file, Settings(home=tmp_path / "target", database_url=own_database_dsn), quiet)
        assert refused.value.code == code


async def test_restore_refuses_a_home_with_a_database_or_another_key(copy: Path, tmp_path: Path) -> None:
    with_database, with_key = tmp_path / "one", tmp_path / "two"
    (with_database / "pg").mkdir(parents=True)
    load_key(with_key)
    key = (with_key / KEY_FILE).read_bytes()
    for target in (with_database, with_key):
        with pytest.raises(Conflict) as refused:
            await restore(copy, Settings(home=target), quiet)
        assert refused.value.code == "notEmpty"
    assert names_in(with_database) == ["pg"]
    assert names_in(with_key) == [KEY_FILE]
    assert (with_key / KEY_FILE).read_bytes() == key


async def test_backup_refuses_a_name_that_is_taken_and_a_database_without_schema(
    database: Database, home: Path, copy: Path, empty_dsn: str
) -> None:
    before = await backup_archive.part("copy", copy, quiet)
    with pytest.raises(Conflict, match="is there already"):
        await make_backup(database.dsn, home, copy, clock=database.clock, progress=quiet)
    assert await backup_archive.part("copy", copy, quiet) == before
    with pytest.raises(Precondition) as refused:
        await make_backup(empty_dsn, home, copy.with_name("new.tar"), clock=database.clock, progress=quiet)
    assert refused.value.code == "noSchema"
    assert names_in(copy.parent) == ["copy.tar", "home"]


async def test_the_proof_names_the_table_that_differs(copy: Path, tmp_path: Path) -> None:
    def one_row_more(manifest: Manifest) -> Manifest:
        known = manifest.tables["party.individual"]
        other = msgspec.structs.replace(known, rows=known.rows + 1)
        return msgspec.structs.replace(manifest, tables=manifest.tables | {"party.individual": other})

    wrong = await asyncio.to_thread(rewritten, copy, one_row_more)
    (tmp_path / "proof").mkdir()
    with pytest.raises(Unavailable, match=rf"party\.individual: {PEOPLE + 1} rows.*restored {PEOPLE} rows") as refused:
        await prove(wrong, tmp_path / "proof", quiet)
    assert refused.value.code == "copyDiffers"


async def test_the_content_is_compared_not_only_the_number_of_rows(copy: Path, database: Database) -> None:
    manifest = read_manifest(copy)
    await compare(manifest, database.dsn, quiet)
    async with database.unit_of_work() as uow:
        await uow.execute(
            "update party.individual set doc = doc || '{\"a\": 1}' where id = (select min(id) from party.individual)"
        )
    with pytest.raises(Unavailable, match=r"differs from what was copied in 1 tables\. party\.individual:"):
        await compare(manifest, database.dsn, quiet)


async def test_a_copy_of_a_newer_release_is_refused(copy: Path, tmp_path: Path) -> None:
    newer = await asyncio.to_thread(rewritten, copy, lambda m: msgspec.structs.replace(m, revision="9999"))
    newest = await asyncio.to_thread(rewritten, copy, lambda m: msgspec.structs.replace(m, postgres=99))
    for file, code in ((newer, "newerBackup"), (newest, "programsTooOld")):
        with pytest.raises(Precondition) as refused:
            await restore(file, Settings(home=tmp_path / "target"), quiet)
        assert refused.value.code == code
    assert not (tmp_path / "target").exists()


async def test_an_older_copy_is_brought_to_this_release(empty_dsn: str, home: Path, tmp_path: Path) -> None:
    await _migrate_to(empty_dsn, "0018")
    file = tmp_path / "old.tar"
    made = await make_backup(empty_dsn, home, file, clock=Clock(), verify=False, progress=quiet)
    assert made.revision == "0018"
    restored = tmp_path / "restored"
    await restore(file, Settings(home=restored), quiet)
    server = EmbeddedServer(restored)
    try:
        dsn = server.start()
        assert await asyncio.to_thread(migrate.current, dsn) == newest_revision()
    finally:
        server.stop()


async def _migrate_to(dsn: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn), poolclass=NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


@pytest.mark.parametrize(
    ("dsn", "plain", "password"),
    [
        ("postgresql://u:p%40ss@host:5433/db?sslmode=require", "postgresql://u@host:5433/db?sslmode=require", "p@ss"),
        ("postgresql://u@host/db?password=secret&host=%2Frun", "postgresql://u@host/db?host=%2Frun", "secret"),
        ("postgresql://trunkline@/trunkline?host=/tmp/x", "postgresql://trunkline@/trunkline?host=/tmp/x", None),
    ],
)
def test_a_password_is_not_shown_on_the_command_line_of_pg_dump(dsn: str, plain: str, password: str | None) -> None:
    assert split_password(dsn) == (plain, password)


async def test_a_database_that_does_not_answer_is_an_error_a_person_can_act_on(home: Path, tmp_path: Path) -> None:
    with pytest.raises(TrunklineError, match="PostgreSQL does not answer"):
        await make_backup("postgresql://u@/db?host=/nowhere", home, tmp_path / "x.tar", clock=Clock(), progress=quiet)
    assert names_in(tmp_path) == ["home"]

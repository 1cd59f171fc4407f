"""`trunkline restore`: a copy becomes an installation, but only where there is none.

The embedded database is restored, compared and migrated in a folder of its own inside the home and moved into place at
the very end; an external one is filled in one transaction. What is interrupted leaves nothing, or can be started again.
"""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import BinaryIO

from trunkline.app import backup_archive as archive
from trunkline.app.backup import LOST, check_programs, compare, connect, load
from trunkline.app.backup_archive import HOME, Manifest, Progress
from trunkline.app.migrate import upgrade
from trunkline.app.processes import read_running
from trunkline.app.revision import newest_revision
from trunkline.app.settings import Settings
from trunkline.app.workspace import workspace
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.db.programs import find_programs, major_version
from trunkline.kernel.errors import Conflict, Precondition, Unavailable

_OBJECTS = """
select count(*) from (
  select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  union all
  select 1 from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')) o"""

_STILL_LOADING = """
select count(*) from pg_stat_activity where datname = current_database() and application_name = 'pg_restore'"""


async def restore(file: Path, settings: Settings, progress: Progress) -> Manifest:
    """Restore a copy into the installation that the settings name, and bring its schema to this release.

    Raises Invalid for a file that is no backup or is damaged, Conflict when the installation is not empty or runs,
    Precondition when the copy is of a newer release or of a newer PostgreSQL, Unavailable when there is no room or the
    server fails.
    """
    if (running := read_running(settings.home)) is not None:
        raise Conflict(
            "notEmpty", f"Trunkline runs in {settings.home}: process {running.pid}.", message="Nothing was restored."
        )
    manifest = archive.read_manifest(file)
    _check_release(manifest)
    names = list(archive.part_names(manifest))
    if settings.database_url is None:
        if (settings.home / "pg").exists():
            raise _not_empty(f"{settings.home} has a database already.")
        archive.need_space(settings.home, manifest.database_octets * 3 // 2)
    else:
        await _check_server(manifest, settings.database_url)
    await archive.check(file, progress)
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with workspace(settings.home / "restoring") as folder:
        await _stage_files(file, folder / "files", names)
        _check_files(settings.home, folder / "files", names)
        if settings.database_url is None:
            await _into_home(file, manifest, settings.home, folder, progress, names)
        else:
            await _into_server(file, manifest, settings, folder, progress, names)
    return manifest


async def _into_home(
    file: Path, manifest: Manifest, home: Path, folder: Path, progress: Progress, names: list[str]
) -> None:
    staged = folder / "home"
    server = EmbeddedServer(staged)
    try:
        dsn = server.start()
        await load(file, manifest, server.programs, dsn, progress)
        await _finish(manifest, dsn, progress)
    finally:
        server.stop()
    _place_files(home, folder / "files", names)
    try:
        (staged / "pg").rename(home / "pg")
    except OSError as error:
        raise _not_empty(f"{home} got a database meanwhile.") from error


async def _into_server(
    file: Path, manifest: Manifest, settings: Settings, folder: Path, progress: Progress, names: list[str]
) -> None:
    """The keys go first: a database without them could not be used, and they can be laid down again."""
    assert settings.database_url is not None  # the caller looked
    placed = _place_files(settings.home, folder / "files", names)
    try:
        await load(file, manifest, find_programs(), settings.database_url, progress)
    except BaseException:
        if await _stayed_empty(settings.database_url):
            _remove_files(settings.home, placed)
        raise
    await _finish(manifest, settings.database_url, progress)


async def _stayed_empty(dsn: str) -> bool:
    """Whether nothing was committed, once the server has seen that its client is gone. False when it does not answer: the
    files then stay, and the same copy can be restored again."""
    with contextlib.suppress(Unavailable, *LOST):
        connection = await connect(dsn)
        try:
            for _ in range(100):
                if not await connection.fetchval(_STILL_LOADING):
                    return not await connection.fetchval(_OBJECTS)
                await asyncio.sleep(0.1)
        finally:
            await connection.close()
    return False


async def _finish(manifest: Manifest, dsn: str, progress: Progress) -> None:
    await compare(manifest, dsn, progress)
    if manifest.revision != newest_revision():
        progress(f"bringing the schema from {manifest.revision} to {newest_revision()}", 0, 0)
        await asyncio.to_thread(upgrade, dsn)


def _check_release(manifest: Manifest) -> None:
    if manifest.revision > newest_revision():
        raise Precondition(
            "newerBackup",
            f"The copy is of schema {manifest.revision}, made by Trunkline {manifest.version}; this release knows "
            f"{newest_revision()}.",
            message="Nothing was restored. Install that release or a newer one.",
        )
    programs = find_programs()
    if major_version(programs) < max(manifest.programs, manifest.postgres):
        check_programs(programs, max(manifest.programs, manifest.postgres))


async def _check_server(manifest: Manifest, dsn: str) -> None:
    connection = await connect(dsn)
    try:
        major = connection.get_server_version().major
        objects = await connection.fetchval(_OBJECTS)
    finally:
        await connection.close()
    if objects:
        raise _not_empty(f"The database holds {objects} tables, schemas and other objects.")
    check_programs(find_programs(), major)
    wanted = max(manifest.postgres, major_version(find_programs()))
    if major < wanted:
        raise Precondition(
            "serverTooOld",
            f"The server is PostgreSQL {major}; the copy and the programs here are of {wanted}.",
            message="Nothing was restored. Use a newer server, or set PG_BIN to programs of the server's version, "
            "with which the copy was made, too.",
        )


async def _stage_files(file: Path, folder: Path, names: list[str]) -> None:
    for name in names:
        with _new_file(folder / name) as out:
            async for piece in archive.pieces_of(file, HOME + name):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())


def _new_file(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _check_files(home: Path, staged: Path, names: list[str]) -> None:
    """A file of the same content is no hindrance: a restore that was killed may have laid it down."""
    for name in names:
        there = home / name
        if there.exists() and there.read_bytes() != (staged / name).read_bytes():
            raise _not_empty(f"{there} is there already and differs from the copy's.")


def _place_files(home: Path, staged: Path, names: list[str]) -> list[Path]:
    placed = []
    for name in names:
        if not (home / name).exists():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).rename(home / name)
            placed.append(home / name)
    return placed


def _remove_files(home: Path, placed: list[Path]) -> None:
    for path in placed:
        path.unlink()
        if path.parent != home and not any(path.parent.iterdir()):
            path.parent.rmdir()


def _not_empty(reason: str) -> Conflict:
    return Conflict(
        "notEmpty",
        reason,
        message="A copy is restored into an empty installation only. Nothing was changed; set TRUNKLINE_HOME or "
        "TRUNKLINE_DATABASE_URL to an empty one.",
    )

"""`trunkline backup`: a consistent copy of the whole installation in one file, and the proof that it can be restored.

The database is dumped by the server's own pg_dump in one snapshot; in the same snapshot every table is counted and its
content summed. The proof restores the finished file into a throw-away server and compares these figures. Nothing is
locked against writers, and the file has its name only once all of it is there and proven.
"""

import os
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

from trunkline.app import backup_archive as archive
from trunkline.app.backup_archive import DUMP, FORMAT, HOME, Manifest, Part, Progress
from trunkline.app.workspace import workspace
from trunkline.kernel.clock import Clock
from trunkline.kernel.db import ReadSession
from trunkline.kernel.db.connecting import LOST, Connection
from trunkline.kernel.db.connecting import connect as opened
from trunkline.kernel.db.copying import dumping, loading
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.db.fingerprint import SETTINGS, Fingerprint, fingerprint, tables
from trunkline.kernel.db.programs import find_programs, major_version
from trunkline.kernel.errors import Conflict, Precondition, Unavailable

_THROW_AWAY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_SHOWN_MAX = 5


async def make_backup(
    dsn: str, home: Path, file: Path, *, clock: Clock, verify: bool = True, progress: Progress
) -> Manifest:
    """Copy the installation of a home and a database into a file (mode 0600: it holds the keys).

    Others may go on writing. Raises Conflict when the file is there already, Precondition when there is no schema or the
    programs are older than the server, Unavailable when there is no room, the server goes away or the proof fails. Then,
    and when it is interrupted, nothing is left behind.
    """
    _check_place(file)
    with workspace(file.with_name(f".{file.name}.making")) as folder:
        manifest = await _copy(dsn, home, folder, clock, progress)
        if verify:
            archive.need_space(folder, manifest.database_octets)
            await prove(folder / "archive", folder / "proof", progress)
        (folder / "archive").rename(file)
        _sync(file.parent)
    return manifest


async def prove(file: Path, folder: Path, progress: Progress) -> None:
    """Restore a copy into a throw-away server in a folder and compare every table. Raises Invalid or Unavailable naming
    what differs."""
    manifest = await archive.check(file, progress)
    server = EmbeddedServer(folder, settings=_THROW_AWAY)
    try:
        dsn = server.start()
        await load(file, manifest, server.programs, dsn, progress)
        await compare(manifest, dsn, progress)
    finally:
        server.stop()


async def load(file: Path, manifest: Manifest, programs: Path, dsn: str, progress: Progress) -> None:
    """Restore a copy's database into an empty one, in one transaction. Raises Unavailable with what pg_restore said."""
    total = next(listed.octets for listed in manifest.parts if listed.name == DUMP)

    async def pieces() -> AsyncIterator[bytes]:
        done = 0
        async for piece in archive.pieces_of(file, DUMP):
            done += len(piece)
            progress("restoring the database", done, total)
            yield piece

    async with loading(programs, dsn) as program:
        await program.feed(pieces())
        progress("building indexes", 0, 0)
        await program.finish()


async def compare(manifest: Manifest, dsn: str, progress: Progress) -> None:
    """Raises Unavailable when a table is missing, came on top, or holds something else than the manifest says."""
    connection = await connect(dsn)
    try:
        found = await _figures(ReadSession(connection), "comparing tables", progress)
    finally:
        await connection.close()
    wrong = [
        f"{name}: {manifest.tables.get(name) or 'not in the copy'}, restored {found.get(name) or 'nothing'}"
        for name in sorted({*manifest.tables, *found})
        if manifest.tables.get(name) != found.get(name)
    ]
    if wrong:
        raise Unavailable(
            "copyDiffers",
            f"What was restored differs from what was copied in {len(wrong)} tables.",
            message="; ".join(wrong[:_SHOWN_MAX]) + ". The copy cannot be relied on; make a new one.",
        )


async def connect(dsn: str) -> Connection:
    """A connection for figures and snapshots, which may wait as long as the copying takes."""
    limits = {"lock_timeout": "60s", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "jit": "off"}
    return await opened(dsn, server_settings={"application_name": "trunkline backup", **SETTINGS, **limits})


def _check_place(file: Path) -> None:
    if file.exists():
        raise Conflict("fileExists", f"{file} is there already.", message="Choose another name, or remove it.")
    if not file.parent.is_dir():
        raise Precondition("noSuchFolder", f"{file.parent} is no folder.", message="Make it first.")


async def _copy(dsn: str, home: Path, folder: Path, clock: Clock, progress: Progress) -> Manifest:
    """Make folder/archive."""
    programs = find_programs()
    names = archive.home_files(home)
    (folder / DUMP).touch(mode=0o600)  # pg_dump keeps the mode of a file that is there
    connection = await connect(dsn)
    try:
        server = connection.get_server_version().major
        check_programs(programs, server)
        if await connection.fetchval("select to_regclass('public.migration') is null"):
            raise Precondition("noSchema", "The database has no schema yet; there is nothing to copy.")
        size: int = await connection.fetchval("select pg_database_size(current_database())")
        archive.need_space(folder, size // 2)  # dump and archive, both compressed to a fourth or less
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            session = ReadSession(connection)
            snapshot = await session.fetch_value("select pg_export_snapshot()")
            made_at = clock.wall()
            revision = await session.fetch_value("select version_num from public.migration")
            offset = await session.fetch_value("select clock_offset from kernel.clock")
            async with dumping(programs, dsn, snapshot, folder / DUMP) as program:
                figures = await _figures(session, "copying the database", progress)
                await program.finish()
    except LOST as error:
        raise Unavailable("databaseUnavailable", "PostgreSQL went away.", message="No copy was made.") from error
    finally:
        connection.terminate()
    files = [(await archive.part(DUMP, folder / DUMP, progress), folder / DUMP)]
    files += [(await archive.part(HOME + name.as_posix(), home / name, progress), home / name) for name in names]
    manifest = Manifest(
        format=FORMAT,
        version=version("trunkline"),
        revision=revision,
        postgres=server,
        programs=major_version(programs),
        made_at=made_at,
        clock_at=made_at + offset if offset is not None else made_at,
        database_octets=size,
        parts=[measured for measured, _ in files],
        tables=figures,
    )
    await archive.write(folder / "archive", manifest, files, progress)
    (folder / DUMP).unlink()
    return manifest


def check_programs(programs: Path, server: int) -> None:
    """Raises Precondition when pg_dump and pg_restore are older than the server: they would refuse, or miss something."""
    major = major_version(programs)
    if major < server:
        raise Precondition(
            "programsTooOld",
            f"The server is PostgreSQL {server}, the programs in {programs} are of {major}.",
            message=f"Install PostgreSQL {server} and set PG_BIN to the folder of its programs, "
            f"as /usr/lib/postgresql/{server}/bin.",
        )


async def _figures(session: ReadSession, what: str, progress: Progress) -> dict[str, Fingerprint]:
    names = await tables(session)
    figures = {}
    for done, name in enumerate(names):
        progress(f"{what}: {name}", done, len(names))
        figures[name] = await fingerprint(session, name)
    progress(what, len(names), len(names))
    return figures


def _sync(folder: Path) -> None:
    """See that a new name is on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["LOST", "Manifest", "Part", "check_programs", "compare", "connect", "load", "make_backup", "prove"]

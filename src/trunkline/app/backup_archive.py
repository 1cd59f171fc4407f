"""The file a backup is: a tar (mode 0600) with a manifest first, then what the manifest lists.

    manifest.json     versions, instants, parts with their SHA-256, every table's rows and content
    manifest.sha256   of the manifest itself, so that a changed bit in it is noticed as well
    database.dump     pg_dump's custom format
    home/…            keys and settings of the installation's folder

It is written and read in pieces with a pause at each, so that Ctrl-C is heard at once.
"""

import asyncio
import hashlib
import os
import shutil
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

from trunkline.kernel.db.fingerprint import Fingerprint
from trunkline.kernel.errors import Invalid, Precondition, Unavailable

FORMAT = 1
DUMP = "database.dump"
HOME = "home/"
MANIFEST, MANIFEST_HASH = "manifest.json", "manifest.sha256"
MANIFEST_OCTETS_MAX = 10_000_000
_PIECE = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_KEPT = ("*.key", "*.toml", "mappings/*.toml")

Progress = Callable[[str, int, int], None]
"""Is told what goes on, how much of it is done, and of how much."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the copy."""

    name: str
    octets: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a copy is of.

    version          release of Trunkline that made it
    revision         schema revision of the database
    postgres         major version of the server
    programs         major version of pg_dump
    made_at          wall time
    clock_at         the installation's own time then
    database_octets  size of the database on disk, for asking whether it fits
    tables           name → figures, taken in the snapshot that was dumped
    """

    format: int
    version: str
    revision: str
    postgres: int
    programs: int
    made_at: datetime
    clock_at: datetime
    database_octets: int
    parts: list[Part]
    tables: dict[str, Fingerprint]


def home_files(home: Path) -> list[Path]:
    """What of an installation's folder belongs into a copy: keys and settings, relative to the folder."""
    return sorted({path.relative_to(home) for kept in _KEPT for path in home.glob(kept) if path.is_file()})


async def part(name: str, file: Path, progress: Progress) -> Part:
    """Measure a file."""
    digest, octets = hashlib.sha256(), 0
    with file.open("rb") as source:
        size = os.fstat(source.fileno()).st_size
        async for piece in _pieces(source):
            digest.update(piece)
            octets += len(piece)
            progress(f"hashing {name}", octets, size)
    return Part(name=name, octets=octets, sha256=digest.hexdigest())


async def write(archive: Path, manifest: Manifest, files: Sequence[tuple[Part, Path]], progress: Progress) -> None:
    """Make the archive (it must not exist) and see it safely on the disk."""
    total = sum(measured.octets for measured, _ in files)
    done = 0
    with os.fdopen(os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as tar:
        text = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"))
        for name, content in ((MANIFEST, text), (MANIFEST_HASH, hashlib.sha256(text).hexdigest().encode())):
            _header(tar, name, len(content), manifest.made_at)
            tar.write(content)
            _pad(tar, len(content))
        for measured, file in files:
            _header(tar, measured.name, measured.octets, manifest.made_at)
            with file.open("rb") as source:
                async for piece in _pieces(source):
                    tar.write(piece)
                    done += len(piece)
                    progress("writing the archive", done, total)
            _pad(tar, measured.octets)
        tar.write(bytes(2 * _BLOCK))
        tar.flush()
        os.fsync(tar.fileno())


def read_manifest(archive: Path) -> Manifest:
    """The manifest. Raises Invalid when the file is no backup or its manifest is damaged, Precondition when it was made by
    a newer release in a form that this one does not know."""
    with _opened(archive) as tar:
        try:
            text, told = (_first(tar, name) for name in (MANIFEST, MANIFEST_HASH))
        except (KeyError, tarfile.TarError, OSError) as error:
            raise _no_backup(archive) from error
    if hashlib.sha256(text).hexdigest().encode() != told:
        raise _damaged(archive, "Its manifest is not as it was written.")
    form = msgspec.json.decode(text).get("format")
    if form != FORMAT:
        raise Precondition("newerBackup", f"{archive} is a backup of form {form}; this release reads form {FORMAT}.")
    return msgspec.json.decode(text, type=Manifest)


async def check(archive: Path, progress: Progress) -> Manifest:
    """Read every octet and compare it with the manifest. Raises Invalid for what is damaged or missing."""
    manifest = read_manifest(archive)
    total, done = sum(listed.octets for listed in manifest.parts), 0
    for listed in manifest.parts:
        digest = hashlib.sha256()
        async for piece in pieces_of(archive, listed.name):
            digest.update(piece)
            done += len(piece)
            progress("checking the archive", done, total)
        if digest.hexdigest() != listed.sha256:
            raise _damaged(archive, f"{listed.name} is not as it was written.")
    return manifest


async def pieces_of(archive: Path, name: str) -> AsyncIterator[bytes]:
    """The content of a part, piece by piece. Raises Invalid when it is missing or cut short."""
    with _opened(archive) as tar:
        try:
            member = tar.getmember(name)
            source = tar.extractfile(member)
            if source is None:
                raise KeyError(name)
            octets = 0
            async for piece in _pieces(source):
                octets += len(piece)
                yield piece
        except (KeyError, tarfile.TarError) as error:
            raise _damaged(archive, f"{name} is missing or cut short.") from error
    if octets != member.size:
        raise _damaged(archive, f"{name} is cut short.")


def need_space(folder: Path, octets: int) -> None:
    """Raises Unavailable when the file system of a folder, or of the nearest one above it that exists, has less room."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < octets:
        raise Unavailable(
            "diskFull",
            f"{folder} has {free // 1_000_000} MB free; about {octets // 1_000_000} MB are needed.",
            message="Nothing was done. Make room, or choose another place.",
        )


async def _pieces(source: BinaryIO | IO[bytes]) -> AsyncIterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece
        await asyncio.sleep(0)


def _header(tar: BinaryIO, name: str, octets: int, at: datetime) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = octets, 0o600, int(at.timestamp())
    tar.write(info.tobuf(tarfile.PAX_FORMAT))


def _pad(tar: BinaryIO, octets: int) -> None:
    tar.write(bytes(-octets % _BLOCK))


def _opened(archive: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(archive, "r:")  # the caller closes it
    except (tarfile.TarError, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise Invalid("noSuchBackup", f"{archive} cannot be read: {error.strerror}.") from error
        raise _no_backup(archive) from error


def _first(tar: tarfile.TarFile, name: str) -> bytes:
    """The content of the next member, which must have this name: whatever follows may be damaged."""
    member = tar.next()
    source = None if member is None or member.name != name else tar.extractfile(member)
    if member is None or source is None or member.size > MANIFEST_OCTETS_MAX:
        raise KeyError(name)
    return source.read()


def _no_backup(archive: Path) -> Invalid:
    return Invalid("noBackup", f"{archive} is not a backup made by Trunkline, or its beginning is damaged.")


def _damaged(archive: Path, what: str) -> Invalid:
    return Invalid("backupDamaged", f"{archive} is damaged. {what}", message="Nothing was restored; use another copy.")


def part_names(manifest: Manifest) -> Iterator[str]:
    """The files of the home in a copy, by their names there. Raises Invalid for a name that leads out of it."""
    for listed in manifest.parts:
        if listed.name.startswith(HOME):
            name = listed.name.removeprefix(HOME)
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise Invalid("backupDamaged", f"The part {listed.name!r} would lie outside of the installation.")
            yield name

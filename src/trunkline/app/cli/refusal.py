"""What a command says when it is refused: the reason and what to do next, never a traceback."""

import asyncio
import errno
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
import click

from trunkline.kernel.errors import TrunklineError

_T = TypeVar("_T")
_ELSEWHERE = "Choose another place (TRUNKLINE_HOME is where the installation lives), or let this user write there."
_OF_THE_MACHINE = {
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.EROFS: _ELSEWHERE,
    errno.ENOTDIR: _ELSEWHERE,
    errno.EEXIST: _ELSEWHERE,
    errno.EISDIR: _ELSEWHERE,
    errno.ENOSPC: "Make room on that disk, then run the command again: what was begun goes on.",
    errno.EDQUOT: "Make room on that disk, then run the command again: what was begun goes on.",
}


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a command's work. Raises ClickException for a refusal, with its hint and what is allowed, and for a database
    that has no schema yet."""
    try:
        return asyncio.run(work)
    except TrunklineError as error:
        raise click.ClickException(text(error)) from error
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise click.ClickException(
            "The database has no schema of this release. Run `trunkline up`, or `trunkline db upgrade` on a database of your own."
        ) from error


def outside(error: BaseException) -> str | None:
    """What the machine or PostgreSQL refuses, in words and with what to do; None for what is a mistake of ours."""
    cause = error.__cause__
    if cause is not None and not isinstance(error, (OSError, asyncpg.PostgresError)):  # as a migration has it
        return outside(cause)
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}. {_OF_THE_MACHINE[error.errno]}"
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return f"PostgreSQL does not allow it: {error}. The user of TRUNKLINE_DATABASE_URL must own the database."
    if isinstance(error, (asyncpg.DiskFullError, asyncpg.InsufficientResourcesError)):
        return f"PostgreSQL has no room: {error}. Make room there, then try again."
    return None


def text(error: TrunklineError) -> str:
    """A refusal in words."""
    allowed = f"Allowed: {', '.join(error.allowed)}." if error.allowed else None
    return " ".join(part for part in (str(error), error.hint, allowed) if part)

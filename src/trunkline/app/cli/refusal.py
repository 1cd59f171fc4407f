"""What a command says when it is refused: the reason and what to do next, never a traceback."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
import click

from trunkline.kernel.errors import TrunklineError

_T = TypeVar("_T")


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


def text(error: TrunklineError) -> str:
    """A refusal in words."""
    allowed = f"Allowed: {', '.join(error.allowed)}." if error.allowed else None
    return " ".join(part for part in (str(error), error.hint, allowed) if part)

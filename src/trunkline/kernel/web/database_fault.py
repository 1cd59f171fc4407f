"""What PostgreSQL, or its driver, refused: as one of our errors, by SQLSTATE (PostgreSQL manual, appendix A)."""

import logging
from collections.abc import Callable

import asyncpg

from trunkline.kernel.errors import Conflict, Invalid, TrunklineError, Unavailable

DATABASE_AWAY = "databaseUnavailable"
_log = logging.getLogger("trunkline.web")


def _busy() -> TrunklineError:
    return Unavailable("busy", "Others are changing the same data.", message="Nothing was done; send it again.")


def _away() -> TrunklineError:
    return Unavailable(
        DATABASE_AWAY,
        "PostgreSQL does not answer.",
        message="Whether the last step was stored is not known; send it again with the same Idempotency-Key.",
    )


def _full() -> TrunklineError:
    return Unavailable(
        "databaseFull", "PostgreSQL is out of space, memory or connections.", message="Nothing was done."
    )


def _unfit() -> TrunklineError:
    return Invalid(
        "invalidValue",
        "A value is out of the range that can be stored.",
        message="Nothing was done.",
        hint="Look for very large numbers, instants far from now, and control characters.",
    )


def _too_large() -> TrunklineError:
    return Invalid(
        "valueTooLarge",
        "A value is longer, or the request asks for more at once, than can be stored.",
        message="Nothing was done.",
        hint="Shorten the longest text, or send less at a time.",
    )


def _taken() -> TrunklineError:
    return Conflict(
        "alreadyThere",
        "Something with the same key is there already.",
        message="Nothing was done.",
        hint="Read it first.",
    )


def _in_use() -> TrunklineError:
    return Conflict(
        "inUse",
        "Something that this refers to is not there any more, or what it would remove is in use.",
        message="Nothing was done.",
    )


def _broken_rule() -> TrunklineError:
    return Invalid("invalidValue", "A value breaks a rule of what is stored.", message="Nothing was done.")


_QUIET: dict[str, Callable[[], TrunklineError]] = {
    "40": _busy,  # serialization failure, deadlock
    "55P03": _busy,  # a lock was not to be had in time
    "57014": _busy,  # a statement took too long
    "53300": _busy,  # all connections are taken
    "57P": _away,  # shutting down, starting up, database dropped
    "08": _away,
    "25006": _away,  # a standby took over this address and only reads
}
"""What is nobody's mistake: the longest prefix of the SQLSTATE counts."""

_LOGGED: dict[str, Callable[[], TrunklineError]] = {
    "53": _full,
    "22": _unfit,
    "54": _too_large,
    "23505": _taken,
    "23P01": _taken,
    "23503": _in_use,
    "23001": _in_use,
    "23": _broken_rule,
}
"""What a check of ours should have said before, and better, with the field's name: each is in the log, so that it will."""


def database_refusal(error: BaseException) -> TrunklineError | None:
    """Our error for one of PostgreSQL's or its driver's; None for any other, and where the mistake is in our SQL."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        for length in (5, 3, 2):
            if quiet := _QUIET.get(state[:length]):
                return quiet()
            if logged := _LOGGED.get(state[:length]):
                _log.error("PostgreSQL refused what no check had stopped: %s", state, exc_info=error)
                return logged()
    elif isinstance(error, (asyncpg.InternalClientError, ConnectionError, TimeoutError)):
        _log.warning("no answer from the database or another part", exc_info=error)
        return _away()
    return None

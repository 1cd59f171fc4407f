"""The few kinds of error. Each has an HTTP status and becomes one TMF error body, in one place (`kernel.web.fault`).

TrunklineError
 ├─ Invalid 400            the request's form or value is wrong
 │   └─ Unprocessable 422  the form is right, what it refers to is not there
 ├─ Unauthenticated 401    no principal
 ├─ Forbidden 403          the principal may not do this
 ├─ NotFound 404
 ├─ Conflict 409           the state does not allow it, or the key is taken
 ├─ Precondition 412       If-Match named another version
 ├─ TooLarge 413
 ├─ UnsupportedMediaType 415
 ├─ TooManyRequests 429
 ├─ Unsupported 501        named by the standard, not offered here
 └─ Unavailable 503        something we need does not answer; trying again is safe
"""

from collections.abc import Callable, Sequence
from typing import ClassVar


class TrunklineError(Exception):
    """A refusal a person can act on.

    code     short name of the rule, lower camel case, stable, for programs
    reason   one sentence: what happened
    message  the particulars, with what was not done and what to do next
    path     JSONPath of the offending field, where there is one
    hint     what to do next, when `message` does not say it
    allowed  what would have been accepted instead
    """

    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        code: str,
        reason: str,
        *,
        message: str | None = None,
        path: str | None = None,
        hint: str | None = None,
        allowed: Sequence[str] | None = None,
    ) -> None:
        super().__init__(reason if message is None else f"{reason} {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.path = path
        self.hint = hint
        self.allowed = None if allowed is None else tuple(allowed)


class Invalid(TrunklineError):
    """The request's form or a value is wrong. `problems` holds every field error found, not only the first."""

    status = 400

    def __init__(
        self,
        code: str,
        reason: str,
        *,
        message: str | None = None,
        path: str | None = None,
        hint: str | None = None,
        allowed: Sequence[str] | None = None,
        problems: Sequence["Invalid"] = (),
    ) -> None:
        super().__init__(code, reason, message=message, path=path, hint=hint, allowed=allowed)
        self.problems = tuple(problems)

    @classmethod
    def all_of(cls, problems: Sequence["Invalid"]) -> "Invalid":
        """One error for several field errors; the first one leads."""
        first = problems[0]
        if len(problems) == 1:
            return first
        return cls(
            first.code,
            first.reason,
            message=_listed(problems),
            path=first.path,
            allowed=first.allowed,
            problems=problems,
        )

    def rename(self, path: Callable[[str], str]) -> None:
        """Let the error, and each problem in it, name its field by another path."""
        for error in (self, *self.problems):
            error.path = None if error.path is None else path(error.path)
        if self.problems:
            self.message = _listed(self.problems)


class Unprocessable(Invalid):
    """The form is right, but a thing it refers to is not there or not fit."""

    status = 422


class Unauthenticated(TrunklineError):
    status = 401


class Forbidden(TrunklineError):
    status = 403


class NotFound(TrunklineError):
    status = 404


class MethodNotAllowed(TrunklineError):
    status = 405


class NotAcceptable(TrunklineError):
    status = 406


class Conflict(TrunklineError):
    status = 409


class Precondition(TrunklineError):
    status = 412


class TooLarge(TrunklineError):
    status = 413


class UnsupportedMediaType(TrunklineError):
    status = 415


class TooManyRequests(TrunklineError):
    status = 429
    retryable = True


class Unsupported(TrunklineError):
    status = 501


class Unavailable(TrunklineError):
    status = 503
    retryable = True


def _listed(problems: Sequence[Invalid]) -> str:
    return f"{len(problems)} fields are wrong: " + "; ".join(f"{p.path}: {p.reason}" for p in problems)


def as_data(error: Exception) -> dict[str, object]:
    """An error as it is kept on a step or job and shown: code, reason, and what our own errors say beyond."""
    if isinstance(error, TrunklineError):
        more = {"message": error.message, "path": error.path, "hint": error.hint, "allowed": error.allowed}
        return {"code": error.code, "reason": error.reason} | {k: v for k, v in more.items() if v is not None}
    if isinstance(error, TimeoutError):
        return {"code": "timedOut", "reason": "It took longer than it may."}
    return {"code": "unexpected", "reason": f"{type(error).__name__}: {error}"[:2000]}

"""Every error as one TMF error body, in one place."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from trunkline.kernel.errors import (
    Invalid,
    TooManyRequests,
    TrunklineError,
    Unauthenticated,
)
from trunkline.kernel.ids import new_id
from trunkline.kernel.web.database_fault import database_refusal
from trunkline.kernel.web.endpoint import Reply
from trunkline.kernel.web.flow import Flow, FlowResponse
from trunkline.kernel.web.hints import HINTS
from trunkline.kernel.web.origin import origin_of

RETRY_AFTER_S = 1
NOTHING = "There is nothing at this path; /openapi.json lists what there is."
_log = logging.getLogger("trunkline.web")

_PLACES = {401: "Authorization", 403: "Authorization", 406: "Accept", 412: "If-Match", 413: "$", 415: "Content-Type"}
"""Where what is refused stands, for refusals that are not of a field or a parameter: a header, or the whole body."""


def to_refusal(error: BaseException) -> TrunklineError:
    """Any exception as one of ours; what nobody expected is logged with its traceback and becomes internalError."""
    if isinstance(error, TrunklineError):
        return error
    if isinstance(error, ClientDisconnect):
        return Invalid("bodyIncomplete", "The connection ended before the body did.", message="Nothing was done.")
    if (known := database_refusal(error)) is not None:
        return known
    _log.error("unexpected error", exc_info=error)
    return TrunklineError(
        "internalError",
        "Something went wrong here.",
        message="It was logged under the correlation id. Nothing was done unless a reading shows it.",
    )


def error_body(error: TrunklineError, correlation_id: str) -> dict[str, Any]:
    """The body of TMF630's Error, with path, hint, allowed and every field problem where there are any; no nulls."""
    body: dict[str, Any] = {"code": error.code, "reason": error.reason}
    hint = error.hint or HINTS.get(error.code)
    optional = {"message": error.message, "path": error.path or _PLACES.get(error.status), "hint": hint}
    body |= {name: value for name, value in optional.items() if value is not None}
    if error.allowed is not None:
        body["allowed"] = list(error.allowed)
    if isinstance(error, Invalid) and error.problems:
        body["problems"] = [_problem(problem) for problem in error.problems]
    return body | {"status": str(error.status), "correlationId": correlation_id, "@type": "Error"}


def error_reply(error: TrunklineError, correlation_id: str, headers: Mapping[str, str] | None = None) -> Reply:
    """The answer to an error, with the headers its status calls for (RFC 9110 §11.6.1, §10.2.3)."""
    extra = dict(headers or {})
    if isinstance(error, Unauthenticated):
        extra["WWW-Authenticate"] = 'Bearer realm="trunkline", Basic realm="trunkline", charset="UTF-8"'
    if error.retryable:
        wait = getattr(error, "retry_after_s", RETRY_AFTER_S)
        extra["Retry-After"] = str(max(1, math.ceil(wait)))
    return Reply(error.status, msgspec.json.encode(error_body(error, correlation_id)), headers=extra)


class RateLimited(TooManyRequests):
    """Too many requests; `retry_after_s` seconds until the next one is heard."""

    def __init__(self, code: str, reason: str, *, retry_after_s: float, message: str | None = None) -> None:
        super().__init__(code, reason, message=message)
        self.retry_after_s = retry_after_s


def to_response(reply: Reply, correlation_id: str) -> Response:
    """A reply as Starlette's response, with the correlation id."""
    headers = {**reply.headers, "X-Correlation-Id": correlation_id}
    if isinstance(reply.content, Flow):
        return FlowResponse(reply.content, reply.status, headers, reply.media_type)
    media = None if reply.content is None else reply.media_type
    return Response(reply.encoded(), reply.status, headers, media)


def correlation_of(request: Request) -> str:
    """The request's correlation id, or a new one when its headers cannot be read."""
    try:
        return origin_of(request.headers).correlation_id
    except Invalid:
        return new_id()


def _problem(problem: Invalid) -> dict[str, Any]:
    found: dict[str, Any] = {"code": problem.code, "reason": problem.reason, "path": problem.path}
    if problem.allowed is not None:
        found["allowed"] = list(problem.allowed)
    return {name: value for name, value in found.items() if value is not None}

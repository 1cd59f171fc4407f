"""Structured logs: one line an event, as JSON for machines or coloured for people, with the context of the work.

Whoever logs uses the standard library's `logging.getLogger("trunkline.<part>")`, or structlog; libraries do as they do.
All lines take one way: context, masking of secrets, rendering.
"""

import logging
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, TextIO

import structlog

from trunkline.kernel.context import Context
from trunkline.kernel.telemetry.masking import mask_secrets

Format = Literal["json", "human"]
_SAID: ContextVar[tuple[Context, str | None] | None] = ContextVar("trunkline_logged_as", default=None)
_NOISY = ("httpx", "httpcore", "uvicorn.access", "alembic", "asyncio")


def configure_logging(
    format: Format = "human",  # noqa: A002  the word people use for it
    level: str = "INFO",
    *,
    file: Path | None = None,
    stream: TextIO | None = None,
) -> logging.Handler:
    """Set up logging of this process: to `file`, else to `stream`, else to stderr. Called once by the composition root;
    a second call replaces the first. Returns the handler. Raises ValueError for an unknown level."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"unknown log level {level!r}; known are DEBUG, INFO, WARNING, ERROR")
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        add_context,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]
    handler: logging.Handler
    handler = (
        logging.FileHandler(file, encoding="utf-8") if file is not None else logging.StreamHandler(stream or sys.stderr)
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendering(format, handler))
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
            old.close()
    root.addHandler(handler)
    root.setLevel(number)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    return handler


class logged_as:  # noqa: N801  reads as the verb it is: `with logged_as(context):`
    """Every line within carries the context's correlation id, tenant and actor, and `work` when it is named.

    A class and one variable of its own: binding three variables of structlog cost a request five times as much.
    """

    __slots__ = ("_reset", "_said")

    def __init__(self, context: Context, work: str | None = None) -> None:
        self._said = (context, work)

    def __enter__(self) -> None:
        self._reset = _SAID.set(self._said)

    def __exit__(self, *_error: object) -> None:
        _SAID.reset(self._reset)


def add_context(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: whose work the line belongs to."""
    said = _SAID.get()
    if said is not None:
        context, work = said
        event["correlation_id"], event["tenant"], event["actor"] = context.correlation_id, context.tenant, context.actor
        if work is not None:
            event["work"] = work
    return event


def _rendering(format_: Format, handler: logging.Handler) -> list[Any]:
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if format_ == "json":
        renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        colors = isinstance(handler, logging.StreamHandler) and bool(getattr(handler.stream, "isatty", bool)())
        renderer = structlog.dev.ConsoleRenderer(colors=colors)
    return [remove, structlog.processors.format_exc_info, mask_secrets, renderer]

"""Structured logs: one line an event, as JSON for machines or coloured for people, with the context of the work.

Whoever logs uses the standard library's `logging.getLogger("trunkline.<part>")`, or structlog; libraries do as they do.
All lines take one way: context, masking of secrets, rendering.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TextIO

import structlog

from trunkline.kernel.context import Context
from trunkline.kernel.telemetry.masking import mask_secrets

Format = Literal["json", "human"]
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


@contextlib.contextmanager
def logged_as(context: Context, **more: str) -> Iterator[None]:
    """Every line within carries the context's correlation id, tenant and actor."""
    with structlog.contextvars.bound_contextvars(
        correlation_id=context.correlation_id, tenant=context.tenant, actor=context.actor, **more
    ):
        yield


def _rendering(format_: Format, handler: logging.Handler) -> list[Any]:
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if format_ == "json":
        renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        colors = isinstance(handler, logging.StreamHandler) and bool(getattr(handler.stream, "isatty", bool)())
        renderer = structlog.dev.ConsoleRenderer(colors=colors)
    return [remove, structlog.processors.format_exc_info, mask_secrets, renderer]

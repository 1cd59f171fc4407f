"""Secrets stay out of logs, wherever they stand; what is no secret stays readable."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from trunkline.kernel.context import Context
from trunkline.kernel.security.tokens import new_token
from trunkline.kernel.telemetry.logs import configure_logging, logged_as
from trunkline.kernel.telemetry.masking import mask_text


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    level = root.level
    handler = configure_logging("json", "DEBUG", stream=stream)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_key_is_masked_in_every_place_of_a_line(lines: io.StringIO) -> None:
    token = new_token("tk")
    secret = token.text.rpartition(f"{token.id}_")[2]
    log = logging.getLogger("test")
    log.warning("used %s", token.text)
    log.warning("plain", extra={"headers": {"Authorization": f"Bearer {token.text}"}, "items": [("k", token.text)]})
    log.warning("bytes %r", token.text.encode())
    structlog.get_logger("s").warning("structured", answer={"deep": [{"key": token.text}]}, password="hunter two")
    try:
        raise ValueError(f"bad key {token.text}")
    except ValueError:
        log.exception("it broke")
    with structlog.contextvars.bound_contextvars(api_key=token.text):
        log.warning("in context")
    text = lines.getvalue()
    assert len(text.splitlines()) == 6
    assert secret not in text
    assert "hunter" not in text
    assert token.id in text, "which key it was stays readable"
    assert "ValueError: bad key" in text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic ***"),
        ("Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "Bearer ***"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln end", "token *** end"),
        ("postgresql://ann:s3cret@host/db", "postgresql://ann:***@host/db"),
        ('{"password": "hunter two"}', '{"password": "*** two"}'),
        ("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", "***"),
        ("ts_0192f3aa-0000-7000-8000-000000000000_abc-DEF_1", "ts_0192f3aa-0000-7000-8000-000000000000_***"),
        ("a basic question about tokens", "a basic question about tokens"),
        ("order 0192f3aa-0000-7000 of https://host/x?a=b", "order 0192f3aa-0000-7000 of https://host/x?a=b"),
    ],
)
def test_by_the_look(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_lines_carry_correlation_id_tenant_and_actor_and_numbers_stay_numbers(lines: io.StringIO) -> None:
    context = Context(
        tenant="one", actor="ann", channel="api", now=datetime(2026, 6, 1, tzinfo=UTC), correlation_id="c-1"
    )
    with logged_as(context, work="billing.run"):
        logging.getLogger("test").info("counted", extra={"rows": 3, "share": 0.5, "none": None})
    logging.getLogger("test").info("after")
    within, after = (json.loads(line) for line in lines.getvalue().splitlines())
    assert {k: within[k] for k in ("correlation_id", "tenant", "actor", "work", "rows", "share", "none", "event")} == {
        "correlation_id": "c-1",
        "tenant": "one",
        "actor": "ann",
        "work": "billing.run",
        "rows": 3,
        "share": 0.5,
        "none": None,
        "event": "counted",
    }
    assert "correlation_id" not in after


def test_configuring_again_replaces_and_a_wrong_level_is_refused(lines: io.StringIO) -> None:
    configure_logging("json", "INFO", stream=lines)
    logging.getLogger("test").info("once")
    logging.getLogger("test").debug("not at all")
    assert len(lines.getvalue().splitlines()) == 1
    with pytest.raises(ValueError, match="unknown log level"):
        configure_logging("json", "LOUD")
    configure_logging("json", "DEBUG", stream=lines)

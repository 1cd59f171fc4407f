"""Identifiers: UUIDv7 (RFC 9562), so that keys grow with time and inserts stay at the right edge of an index."""

import uuid_utils


def new_id() -> str:
    """A new UUIDv7 as text."""
    return str(uuid_utils.uuid7())

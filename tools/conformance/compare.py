"""Whether an answer carries what was sent: the same values, whatever else the server adds."""

import re
from datetime import datetime
from typing import Any

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d")


def lost(sent: Any, got: Any, place: str = "$") -> list[str]:
    """Where what was sent did not come back, with what came instead. Instants and numbers are compared by value."""
    if isinstance(sent, dict) and isinstance(got, dict):
        return [
            problem
            for name, value in sent.items()
            for problem in (
                lost(value, got[name], f"{place}.{name}") if name in got else [f"{place}.{name} did not come back"]
            )
        ]
    if isinstance(sent, list) and isinstance(got, list):
        if len(sent) != len(got):
            return [f"{place} has {len(got)} elements, {len(sent)} were sent"]
        pairs = enumerate(zip(sent, got, strict=True))
        return [problem for n, (one, other) in pairs for problem in lost(one, other, f"{place}[{n}]")]
    if sent == got or (isinstance(sent, str) and isinstance(got, str) and _same_instant(sent, got)):
        return []
    return [f"{place} is {str(got)[:60]!r}, sent was {str(sent)[:60]!r}"]


def _same_instant(one: str, other: str) -> bool:
    if not (_INSTANT.match(one) and _INSTANT.match(other)):
        return False
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False

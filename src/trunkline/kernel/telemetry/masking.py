"""Secrets stay out of logs: by the name of a field, and by the look of a value wherever it stands."""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

MASK = "***"
_DEPTH_MAX = 8
_SECRET_NAME = re.compile(
    r"authorization|passw(?:or)?d|passphrase|secret|token|cookie|credential|api[-_]?key|private[-_]?key|\bpsk\b|eap[-_]?key",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"(?P<ours>t[ks]_[0-9A-Za-z-]{8,64}_)[0-9A-Za-z_-]+"
    r"|(?P<scheme>\b(?:bearer|basic)\s+)(?=\S*(?-i:[A-Z0-9=+/]))[0-9A-Za-z+/=._~-]{8,}"
    r"|\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*"
    r"|(?P<dsn>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)"
    r"|(?P<named>(?:passw(?:or)?d|secret|token)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]+"
    r"|\$argon2[a-z]*\$[^\s\"']+",
    re.IGNORECASE,
)


def mask_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor; the last before rendering, so that it also sees tracebacks as text."""
    for name in list(event):
        event[name] = _masked(name, event[name], 0)
    return event


def mask_text(text: str) -> str:
    """The text with every secret that is known by its look replaced; what identifies a key stays readable."""
    return _SECRET_VALUE.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    kept = match["ours"] or match["scheme"] or match["dsn"] or match["named"] or ""
    return kept + MASK


def _masked(name: object, value: Any, depth: int) -> Any:
    if isinstance(name, str) and _SECRET_NAME.search(name) and value is not None and not isinstance(value, bool):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, bytes):
        return mask_text(value.decode("utf-8", "replace"))
    if depth >= _DEPTH_MAX:
        return MASK
    if isinstance(value, Mapping):
        return {key: _masked(key, item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(None, item, depth + 1) for item in value]
    if value is None or isinstance(value, int | float):
        return value
    return mask_text(str(value))

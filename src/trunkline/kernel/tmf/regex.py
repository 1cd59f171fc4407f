"""Regular expressions of clients: what PostgreSQL may be asked for."""

import math
import re

from trunkline.kernel.errors import Invalid

REGEX_REPEATS_MAX = 1_000
_COUNTED = re.compile(r"\{\s*(\d[^}]*)\}")
_BACK_REFERENCE = re.compile(r"\\[1-9]|\(\?P=")


def check_regex(pattern: str, path: str) -> str:
    """The regular expression, if PostgreSQL can be asked for it. Raises Invalid."""
    try:
        re.compile(pattern)
        repeats = math.prod(max(map(int, re.findall(r"\d+", counts))) for counts in _COUNTED.findall(pattern))
    except (re.error, RecursionError, OverflowError) as error:
        raise Invalid("invalidRegex", "That is not a regular expression.", message=str(error), path=path) from error
    # PostgreSQL unrolls counted repeats, a gigabyte at 200 of 200, and tries every way with a back reference.
    if repeats > REGEX_REPEATS_MAX or _BACK_REFERENCE.search(pattern):
        raise Invalid(
            "regexTooComplex",
            f"Counted repeats come to at most {REGEX_REPEATS_MAX} in all, and back references are not offered.",
            path=path,
        )
    return pattern

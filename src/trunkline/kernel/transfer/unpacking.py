"""Reading packed files: what is cut off or damaged is refused after what stood before it, and a size has a limit."""

import gzip
import io
import zlib
from typing import IO

from trunkline.kernel.errors import Invalid

UNPACKED_MAX = 16 << 30
"""Octets that a packed file may unpack to. A few megabytes can unpack to any size."""


def unpacked(file: IO[bytes], *, size_max: int = UNPACKED_MAX) -> io.BufferedReader:
    """The contents of a gzip file, read as they are asked for. Closing it leaves `file` open.

    Reading raises Invalid (unreadableFile) where the file is cut off, damaged, no gzip file, or larger than `size_max`;
    all that stood before is given first.
    """
    return io.BufferedReader(_Unpacked(file, size_max), 1 << 16)


class _Unpacked(io.RawIOBase):
    def __init__(self, file: IO[bytes], size_max: int) -> None:
        self._gzip = gzip.GzipFile(fileobj=file)
        self._left = size_max
        self._problem: Invalid | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # as gzip's own readers
        """Raises Invalid, as `unpacked` says."""
        if self._problem is not None:
            raise self._problem
        try:
            data = self._gzip.read1(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._refusal(f"{error}.") from error
        self._left -= len(data)
        if self._left < 0:
            raise self._refusal("It unpacks to more than a file may.")
        buffer[: len(data)] = data
        return len(data)

    def _refusal(self, why: str) -> Invalid:
        self._problem = Invalid(
            "unreadableFile",
            "The packed file cannot be read to its end: it is cut off, damaged or too large.",
            message=f"{why} What stood before is dealt with.",
            path="$.file",
            hint="Pack or fetch it again and feed it again: what is known already stays as it is.",
        )
        return self._problem

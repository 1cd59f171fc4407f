"""The lines of a file of usage, packed or not: each of bounded length."""

import io
from collections.abc import Iterator
from typing import IO

from trunkline.bss.usage.contracts import Refused
from trunkline.kernel.transfer import unpacked

LINE_MAX = 65_536
"""Characters of a line. No record is nearly as long; a file without line ends must not become one line in memory."""


def read_lines(file: IO[bytes], encoding: str, name: str) -> Iterator[str]:
    """The lines; octets that are none in the encoding become the replacement character, `.gz` is unpacked. Of a line that
    is too long only the beginning is given, by which `check_length` knows it. `file` stays open.

    Raises Invalid where a packed file is cut off or damaged, after the lines before.
    """
    binary = unpacked(file) if name.endswith(".gz") else file
    with _Detached(binary, encoding=encoding, errors="replace", newline="\n") as text:
        while line := text.readline(LINE_MAX + 1):
            yield line
            while len(line) > LINE_MAX and not line.endswith("\n"):
                line = text.readline(LINE_MAX + 1)  # the rest of it is passed over


def check_length(line: str) -> None:
    """Raises Refused (line-too-long) for a line of which only the beginning was given."""
    if len(line) > LINE_MAX:
        raise Refused("line-too-long", f"The line has more than {LINE_MAX} characters; its beginning is kept.")


class _Detached(io.TextIOWrapper):
    """Leaves the file it reads open."""

    def close(self) -> None:
        self.detach()

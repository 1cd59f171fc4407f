"""What is asked of an import, and what it says."""

from collections.abc import Awaitable, Callable

import msgspec

from trunkline.kernel.errors import Invalid, TrunklineError
from trunkline.kernel.tmf.document import Document


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it stands in a file.

    line      number of the file's line it begins in, the first is 1
    text      the line itself, for those who mend it
    document  what it says; None where it cannot be read: then `problem` says why
    whole     whether attributes that are not in it go from a record that has them; otherwise only null removes
    """

    line: int
    text: str
    document: Document | None = None
    problem: Invalid | None = None
    whole: bool = True


class RowProblem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row that was not taken over, and why: code, reason and path as the API says them."""

    line: int
    code: str
    reason: str
    path: str | None = None
    row: str | None = None

    @classmethod
    def of(cls, row: Row, error: TrunklineError) -> "RowProblem":
        """The row's refusal."""
        return cls(line=row.line, code=error.code, reason=str(error), path=error.path, row=row.text)


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A file to take over.

    name     as people call it
    sha256   of the whole file, hexadecimal: by it an import that was cut off is gone on with; None for what is not a file
    dry_run  whether only to try: everything is checked and nothing is stored
    """

    name: str
    sha256: str | None = None
    dry_run: bool = False


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one run: read = created + changed + unchanged + refused. `resumed_after` is the line that an earlier run came
    to, 0 when it began at the top."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    resumed_after: int = 0
    dry_run: bool = False

    @property
    def read(self) -> int:
        """Rows looked at."""
        return self.created + self.changed + self.unchanged + self.refused


class Advance(msgspec.Struct, frozen=True):
    """How far an import is, and the rows that were refused since it last said so."""

    report: ImportReport
    line: int
    problems: list[RowProblem]


Tell = Callable[[Advance], Awaitable[None]]

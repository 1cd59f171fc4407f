"""Records out of an installation and into one, as files. See the README beside this file."""

from trunkline.kernel.transfer.contracts import Advance, ImportReport, ImportRequest, Row, RowProblem
from trunkline.kernel.transfer.exporting import columns_of, export_lines
from trunkline.kernel.transfer.formats import FORMATS, format_of, read_rows
from trunkline.kernel.transfer.importing import import_records
from trunkline.kernel.transfer.tree import Difference, Problem, Stored, compare_tree, store_tree, write_tree
from trunkline.kernel.transfer.unpacking import unpacked

__all__ = [
    "FORMATS",
    "Advance",
    "Difference",
    "ImportReport",
    "ImportRequest",
    "Problem",
    "Row",
    "RowProblem",
    "Stored",
    "columns_of",
    "compare_tree",
    "export_lines",
    "format_of",
    "import_records",
    "read_rows",
    "store_tree",
    "unpacked",
    "write_tree",
]

"""A folder for one piece of work: nobody else works in it, and nothing of it is left, also when the work was killed."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from trunkline.kernel.errors import Conflict


@contextlib.contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """The folder, empty and ours; what a killed predecessor left is removed. Raises Conflict while another process works
    in it. Others may pass through it, not look: a server that runs as another user must reach its data."""
    folder.mkdir(mode=0o711, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                "inProgress", f"Another process works in {folder}.", message="Wait for it to end, or stop it."
            ) from None
        _empty(folder)
        try:
            yield folder
        finally:
            _empty(folder)
            folder.rmdir()
    finally:
        os.close(lock)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

"""Where a laboratory keeps its state: one directory a laboratory, so that several may coexist."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from trunkline_lab.errors import LabError

DEFAULT_HOME = "/var/tmp/trunkline-lab"  # noqa: S108 - made with mode 0700, and refused when it is someone else's
LAB = Path(__file__).resolve().parent.parent
_MARKER = ".trunkline-lab"


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below a laboratory's state directory."""

    root: Path

    @classmethod
    def find(cls, path: str | Path | None = None) -> "Home":
        """The home at `path`, else at $TRUNKLINE_LAB_HOME, else the default. Nothing is created.

        Raises LabError for a path that cannot stand in configuration files of a dozen daemons.
        """
        root = Path(path or os.environ.get("TRUNKLINE_LAB_HOME") or DEFAULT_HOME).absolute()
        if not re.fullmatch(r"/[A-Za-z0-9_./-]+", str(root)) or len(root.parts) < 3:
            raise LabError(
                f"{root} cannot be a laboratory's home.",
                "Set TRUNKLINE_LAB_HOME to a directory of its own: letters, digits, '-', '_' and '.' only.",
            )
        return cls(root)

    def node(self, name: str) -> Path:
        """The directory of a node (or of `noc`): its configuration, logs and state."""
        return self.root / name

    @property
    def settings_file(self) -> Path:
        """What `up` asks of the holder."""
        return self.root / "settings.json"

    @property
    def holder_file(self) -> Path:
        """Process id and start time of the process that owns the namespaces."""
        return self.root / "holder.json"

    @property
    def ready_file(self) -> Path:
        """Written once every daemon is started."""
        return self.root / "ready.json"

    @property
    def progress_file(self) -> Path:
        """A line for each step of the start."""
        return self.root / "progress"

    @property
    def log_file(self) -> Path:
        """What the holder has to say."""
        return self.root / "holder.log"

    @property
    def operator_key(self) -> Path:
        """The private key that opens SSH on every router."""
        return self.root / "operator_key"

    def create(self) -> None:
        """Make an empty home; what an earlier laboratory left here goes.

        Raises LabError when the directory holds something else.
        """
        if self.root.exists():
            self.remove()
        self.root.mkdir(parents=True, mode=0o700)
        (self.root / _MARKER).touch()

    def remove(self) -> None:
        """Delete the home. Raises LabError when the directory is not a laboratory's."""
        if not self.root.exists():
            return
        if not (self.root / _MARKER).exists() and any(self.root.iterdir()):
            raise LabError(
                f"{self.root} is not a laboratory's home: it holds other files.",
                "Set TRUNKLINE_LAB_HOME to a directory that does not exist yet.",
            )
        shutil.rmtree(self.root)

    def remove_secrets(self) -> None:
        """Delete keys and credentials, and keep logs and records."""
        for name in ("operator_key", "ssh_host_key", "ca.key", "noc/api.conf", "noc/secret"):
            (self.root / name).unlink(missing_ok=True)
        for swanctl in self.root.glob("*/swanctl"):
            shutil.rmtree(swanctl)

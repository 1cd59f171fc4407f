"""Configuration files from `lab/conf`, with their @VALUES@ filled in."""

import re
from pathlib import Path

from trunkline_lab import topology
from trunkline_lab.errors import LabError
from trunkline_lab.home import LAB, Home

_VALUE = re.compile(r"@([A-Z][A-Z_]*)@")


def place(name: str, target: Path, home: Home, mode: int = 0o644, **values: object) -> None:
    """Write the template `name` to `target` below a node's directory of `home`.

    @D@ is that directory; constants of the topology are always known. The file has its mode before it
    has content. Raises LabError for a missing template or a value nobody gave.
    """
    source = LAB / "conf" / name
    if not source.exists():
        raise LabError(f"{source} is missing.", "The laboratory runs from a source checkout of the project.")
    known: dict[str, object] = {
        "D": home.root / target.relative_to(home.root).parts[0],
        "HOME": home.root,
        "LAB": LAB,
        "MANAGEMENT": topology.MANAGEMENT,
        "COMMUNITY": topology.SNMP_COMMUNITY,
        "SNMP_USER": topology.SNMP_USER,
        "SNMP_PASSWORD": topology.SNMP_PASSWORD,
        "SECRET": topology.RADIUS_SECRET,
        "COA_PORT": topology.COA_PORT,
        "SYSLOG_PORT": topology.SYSLOG_PORT,
        "TRAP_PORT": topology.TRAP_PORT,
        **values,
    }

    def value(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise LabError(f"The template {name} wants @{match[1]}@, and nobody gave it.")
        return str(known[match[1]])

    write(target, _VALUE.sub(value, source.read_text()), mode)


def write(target: Path, text: str, mode: int = 0o644) -> None:
    """Write `text` to `target`, directories included, never readable by more than `mode` allows."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    target.write_text(text)
    target.chmod(mode)

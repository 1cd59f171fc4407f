"""The newest migration, by its file's number: known without loading Alembic, which a server does not need."""

from pathlib import Path

_VERSIONS = Path(__file__).parent / "migrations" / "versions"


def newest_revision() -> str:
    """As "0021"."""
    return max(path.name.partition("_")[0].removesuffix(".py") for path in _VERSIONS.glob("[0-9]*.py"))

"""Tables of imports (which file, by whom, how far) and of the files that jobs read and write."""

import sqlalchemy as sa

SCHEMA = "kernel"


def define(metadata: sa.MetaData) -> None:
    """Add the tables to `metadata`."""
    text, instant = sa.Text, sa.DateTime(timezone=True)
    sa.Table(
        "import_run",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("id", text, primary_key=True),
        sa.Column("resource", text, nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("sha256", text, nullable=False),
        sa.Column("lines_done", sa.BigInteger, nullable=False),
        sa.Column("actor", text, nullable=False),
        sa.Column("started_at", instant, nullable=False),
        sa.Column("finished_at", instant),
        *(sa.Column(name, sa.BigInteger) for name in ("created", "changed", "unchanged", "refused")),
        sa.Index(
            "ix_import_run_open",
            "tenant",
            "resource",
            "sha256",
            unique=True,
            postgresql_where=sa.text("finished_at is null"),
        ),
        schema=SCHEMA,
    )
    sa.Table(
        "exchange_file",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("name", text, primary_key=True),
        sa.Column("media_type", text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("made_by", text, nullable=False),
        sa.Column("made_at", instant, nullable=False),
        schema=SCHEMA,
    )

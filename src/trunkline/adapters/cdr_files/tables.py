"""Files that were sent over HTTP and wait for the worker. They go away once they are imported: the records stay."""

import sqlalchemy as sa

SCHEMA = "cdr_files"


def define(metadata: sa.MetaData) -> None:
    """Add the table to `metadata`."""
    sa.Table(
        "upload",
        metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("mapping", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )

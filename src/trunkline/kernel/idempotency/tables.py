"""Table of the idempotency keys."""

import sqlalchemy as sa

SCHEMA = "kernel"


def define(metadata: sa.MetaData) -> None:
    """Add the table to `metadata`."""
    sa.Table(
        "idempotency",
        metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("input_hash", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Index("ix_idempotency_created_at", "created_at"),
        schema=SCHEMA,
    )

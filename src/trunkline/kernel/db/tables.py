"""The kernel's own tables: clock, outbox, audit trail."""

import sqlalchemy as sa

SCHEMA = "kernel"


def define(metadata: sa.MetaData) -> None:
    """Add the tables to `metadata`."""
    text, instant = sa.Text, sa.DateTime(timezone=True)
    sa.Table(
        "clock",
        metadata,
        sa.Column("one", sa.Boolean, primary_key=True, server_default=sa.true()),
        sa.Column("clock_offset", sa.Interval, nullable=False),
        sa.CheckConstraint("one", name="one_row"),
        schema=SCHEMA,
    )
    sa.Table(
        "outbox",
        metadata,
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("tenant", text, nullable=False),
        sa.Column("id", text, nullable=False),
        sa.Column("type", text, nullable=False),
        sa.Column("source", text, nullable=False),
        sa.Column("resource", text, nullable=False),
        sa.Column("resource_id", text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("occurred_at", instant, nullable=False),
        sa.Column("correlation_id", text, nullable=False),
        sa.Column("causation_id", text),
        sa.Column("actor", text, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        schema=SCHEMA,
    )
    sa.Table(
        "audit",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("id", text, primary_key=True),
        sa.Column("recorded_at", instant, nullable=False),
        sa.Column("actor", text, nullable=False),
        sa.Column("channel", text, nullable=False),
        sa.Column("action", text, nullable=False),
        sa.Column("resource", text, nullable=False),
        sa.Column("resource_id", text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("reason", text),
        sa.Column("correlation_id", text, nullable=False),
        sa.Column("before", sa.JSON),
        sa.Column("after", sa.JSON),
        sa.Index("ix_audit_object", "tenant", "resource", "resource_id"),
        sa.Index("ix_audit_correlation", "tenant", "correlation_id"),
        schema=SCHEMA,
    )

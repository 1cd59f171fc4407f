"""Table of the jobs."""

import sqlalchemy as sa

SCHEMA = "kernel"


def define(metadata: sa.MetaData) -> None:
    """Add the table to `metadata`."""
    text, instant = sa.Text, sa.DateTime(timezone=True)
    sa.Table(
        "job",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("id", text, primary_key=True),
        sa.Column("kind", text, nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger),
        sa.Column("message", text),
        sa.Column("input", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("checkpoint", sa.JSON),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("lease_holder", text),
        sa.Column("lease_until", instant),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("actor", text, nullable=False),
        sa.Column("correlation_id", text, nullable=False),
        sa.Column("reason", text),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("started_at", instant),
        sa.Column("finished_at", instant),
        sa.Index("ix_job_queued", "created_at", postgresql_where=sa.text("state = 'queued'")),
        sa.Index("ix_job_lease", "lease_until", postgresql_where=sa.text("state = 'running'")),
        schema=SCHEMA,
    )

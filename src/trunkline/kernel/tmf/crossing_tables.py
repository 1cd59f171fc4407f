"""The tables of references between the halves."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY


def define(metadata: sa.MetaData) -> None:
    """Add the tables to `metadata`."""
    text, instant = sa.Text, sa.DateTime(timezone=True)
    sa.Table(
        "stub",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("id", text, primary_key=True),
        sa.Column("resource", text, primary_key=True),
        sa.Column("state", text),
        sa.Column("gone", sa.Boolean, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        schema="kernel",
    )
    sa.Table(
        "cross_reference",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("resource", text, primary_key=True),
        sa.Column("id", text, primary_key=True),
        sa.Column("path", text, primary_key=True),
        sa.Column("targets", ARRAY(text), nullable=False),
        sa.Column("target_id", text, nullable=False),
        sa.Column("resolved", sa.Boolean, nullable=False),
        sa.Column("since", instant, nullable=False),
        sa.Index("ix_cross_reference_target", "tenant", "target_id"),
        sa.Index("ix_cross_reference_unresolved", "tenant", "since", postgresql_where=sa.text("not resolved")),
        schema="kernel",
    )
    sa.Table(
        "reference_policy",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("strict", sa.Boolean, nullable=False),
        schema="kernel",
    )

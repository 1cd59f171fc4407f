"""What the simulated access nodes are configured with."""

import sqlalchemy as sa


def define(metadata: sa.MetaData) -> None:
    """Add the table to `metadata`."""
    sa.Table(
        "line",
        metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("access_node", sa.Text, primary_key=True),
        sa.Column("port", sa.Text, primary_key=True),
        sa.Column("line_id", sa.Text, nullable=False),
        sa.Column("configuration", sa.JSON, nullable=False),
        sa.Column("configured_at", sa.DateTime(timezone=True), nullable=False),
        schema="simulator",
    )

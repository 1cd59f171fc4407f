"""Tables of activation: AAA subscribers, and the key their secrets are sealed with."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import INET, JSONB

SCHEMA = "activation"


def define(metadata: sa.MetaData) -> None:
    """Add the tables to `metadata`."""
    instant = sa.DateTime(timezone=True)
    table = sa.Table(
        "aaa_subscriber",
        metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("user_name", sa.Text, primary_key=True),
        sa.Column("service_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary, nullable=False),
        sa.Column("framed_ip", INET),
        sa.Column("profile", sa.Text),
        sa.Column("downstream_bit_s", sa.BigInteger),
        sa.Column("upstream_bit_s", sa.BigInteger),
        sa.Column("attributes", JSONB, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.CheckConstraint("state in ('active', 'suspended')", name="state"),
        schema=SCHEMA,
    )
    sa.Index("ix_aaa_subscriber_service", table.c.tenant, table.c.service_id)
    sa.Table(
        "sealing_key",
        metadata,
        sa.Column("one", sa.Boolean, primary_key=True, server_default=sa.true()),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("one", name="one_row"),
        schema=SCHEMA,
    )

"""The members of pools."""

import sqlalchemy as sa

SCHEMA = "resource_pool"


def define(metadata: sa.MetaData) -> None:
    """Add the table to `metadata`."""
    table = sa.Table(
        "member",
        metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("pool_id", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("holder", sa.Text),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state in ('free', 'reserved', 'allocated', 'quarantined') and (holder is null) = (state in ('free', 'quarantined'))",
            name="holder_goes_with_state",
        ),
        schema=SCHEMA,
    )
    sa.Index(
        "ix_member_free", table.c.tenant, table.c.pool_id, table.c.position, postgresql_where=sa.text("state = 'free'")
    )
    sa.Index("ix_member_holder", table.c.tenant, table.c.holder, postgresql_where=sa.text("holder is not null"))
    sa.Index("ix_member_until", table.c.until, postgresql_where=sa.text("until is not null"))

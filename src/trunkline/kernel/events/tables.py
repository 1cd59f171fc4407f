"""The tables of events: the log, deliveries under way, the inbox, hub subscriptions."""

import sqlalchemy as sa

SCHEMA = "kernel"


def define(metadata: sa.MetaData) -> None:
    """Add the tables to `metadata`."""
    text, instant = sa.Text, sa.DateTime(timezone=True)
    sa.Table(
        "event_log",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
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
        sa.Index("ix_event_log_object", "tenant", "resource", "resource_id", "seq"),
        sa.Index("ix_event_log_correlation", "tenant", "correlation_id", "seq"),
        sa.Index("ix_event_log_type", "tenant", "type", "seq"),
        schema=SCHEMA,
    )
    sa.Table(
        "delivery",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("consumer", text, primary_key=True),
        sa.Column("resource", text, primary_key=True),
        sa.Column("resource_id", text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_at", instant, nullable=False),
        sa.Column("parked_at", instant),
        sa.Column("error", text),
        sa.Index("ix_delivery_due", "consumer", "next_at", "seq"),
        sa.Index("ix_delivery_parked", "tenant", "seq", postgresql_where=sa.text("parked_at is not null")),
        schema=SCHEMA,
    )
    sa.Table(
        "inbox",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("consumer", text, primary_key=True),
        sa.Column("event_id", text, primary_key=True),
        sa.Column("consumed_at", instant, nullable=False),
        schema=SCHEMA,
    )
    sa.Table(
        "hub_subscription",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("id", text, primary_key=True),
        sa.Column("api", text, nullable=False),
        sa.Column("callback", text, nullable=False),
        sa.Column("query", text, nullable=False),
        sa.Column("style", text, nullable=False),
        sa.Column("types", sa.ARRAY(text)),
        sa.Column("condition", text),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("created_by", text, nullable=False),
        sa.CheckConstraint("style in ('callback', 'listener')", name="style"),
        sa.UniqueConstraint("tenant", "api", "callback", "query", name="uq_hub_subscription_callback"),
        schema=SCHEMA,
    )

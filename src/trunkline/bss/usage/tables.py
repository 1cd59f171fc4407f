"""Tables of usage: identifiers, batches, raw records, sessions, usage. A usage row has the id of its raw record."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from trunkline.kernel.tmf.tables import resource_table

SCHEMA = "usage"


def define(metadata: sa.MetaData) -> None:
    """Add the tables to `metadata`."""
    _identifier(metadata)
    _batch(metadata)
    _raw_record(metadata)
    _session(metadata)
    _usage(metadata)
    resource_table(metadata, SCHEMA, "usage_specification", [("name", "text")])


def _identifier(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "identifier",
        metadata,
        _key("tenant"),
        _key("id"),
        _text("kind"),
        _text("value"),
        _text("product_id"),
        _text("account_id"),
        _instant("valid_from"),
        _instant("valid_until", nullable=True),
        sa.CheckConstraint("valid_until is null or valid_until > valid_from", name="ends_after_start"),
        schema=SCHEMA,
    )
    sa.Index("ix_identifier_value", table.c.tenant, table.c.kind, table.c.value, table.c.valid_from)
    sa.Index("ix_identifier_product", table.c.tenant, table.c.product_id)


def _batch(metadata: sa.MetaData) -> None:
    sa.Table(
        "batch",
        metadata,
        _key("tenant"),
        _key("id"),
        _text("name"),
        _text("sha256"),
        _text("mapping"),
        _text("state"),
        _instant("started_at"),
        _instant("completed_at", nullable=True),
        _whole("records_in"),
        _whole("records_known"),
        sa.CheckConstraint("state in ('running', 'completed')", name="state"),
        sa.UniqueConstraint("tenant", "sha256", "mapping", name="uq_batch_content"),
        schema=SCHEMA,
    )


def _raw_record(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "raw_record",
        metadata,
        _key("tenant"),
        _key("id"),
        _text("dedupe_key"),
        _text("source"),
        _text("source_ref"),
        _text("batch_id", nullable=True),
        _instant("received_at"),
        _instant("original_at", nullable=True),
        _instant("occurred_at", nullable=True),
        _text("outcome"),
        _text("reason", nullable=True),
        _text("message", nullable=True),
        _text("identifier_kind", nullable=True),
        _text("identifier", nullable=True),
        _instant("began_at", nullable=True),
        _text("usage_type", nullable=True),
        _whole("quantity"),
        _whole("cumulative"),
        _text("unit", nullable=True),
        _text("session_nas", nullable=True),
        _text("session_id", nullable=True),
        sa.Column("session_generation", sa.Integer),
        sa.Column("facts", JSONB, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        _text("reprocessed_reason", nullable=True),
        _instant("reprocessed_at", nullable=True),
        sa.CheckConstraint("outcome in ('rated', 'free', 'suspended', 'rejected')", name="outcome"),
        sa.CheckConstraint("outcome in ('rated', 'free') or reason is not null", name="held_has_reason"),
        sa.UniqueConstraint("tenant", "dedupe_key", name="uq_raw_record_dedupe_key"),
        schema=SCHEMA,
    )
    held = sa.text("outcome in ('suspended', 'rejected')")
    sa.Index("ix_raw_record_held", table.c.tenant, table.c.reason, table.c.id, postgresql_where=held)
    sa.Index("ix_raw_record_batch", table.c.tenant, table.c.batch_id)


def _session(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "session",
        metadata,
        _key("tenant"),
        _key("nas"),
        _key("session_id"),
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        _text("user_name", nullable=True),
        _text("port", nullable=True),
        _instant("started_at"),
        _instant("last_event_at"),
        _whole("session_time"),
        _whole("input_octets"),
        _whole("output_octets"),
        sa.Column("input_gigawords", sa.Boolean, nullable=False),
        sa.Column("output_gigawords", sa.Boolean, nullable=False),
        _instant("closed_at", nullable=True),
        _text("closed_by", nullable=True),
        schema=SCHEMA,
    )
    still_open = sa.text("closed_at is null")
    sa.Index("ix_session_open", table.c.tenant, table.c.nas, table.c.last_event_at, postgresql_where=still_open)
    sa.Index("ix_session_user", table.c.tenant, table.c.user_name, table.c.last_event_at)


def _usage(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "usage",
        metadata,
        _key("tenant"),
        _key("id"),
        _text("product_id"),
        _text("account_id"),
        _text("price_id", nullable=True),
        _text("usage_type"),
        _whole("quantity"),
        _text("unit"),
        _whole("charge_micros"),
        _text("currency", nullable=True),
        sa.Column("tariff", JSONB, nullable=False),
        _instant("occurred_at"),
        _instant("rated_at"),
        _text("bill_id", nullable=True),
        _text("line_id", nullable=True),
        _instant("billed_at", nullable=True),
        sa.CheckConstraint("(price_id is null) = (currency is null)", name="priced_has_currency"),
        sa.CheckConstraint("(line_id is null) = (billed_at is null)", name="billed_has_line"),
        schema=SCHEMA,
    )
    unbilled = sa.text("line_id is null and price_id is not null")
    sa.Index("ix_usage_unbilled", table.c.tenant, table.c.account_id, table.c.occurred_at, postgresql_where=unbilled)
    billed = sa.text("line_id is not null")
    sa.Index("ix_usage_line", table.c.tenant, table.c.line_id, postgresql_where=billed)
    sa.Index("ix_usage_product", table.c.tenant, table.c.product_id, table.c.occurred_at)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)

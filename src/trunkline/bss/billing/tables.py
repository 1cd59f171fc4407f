"""Tables of billing. Bills, their lines and taxes are append-only: triggers refuse UPDATE, DELETE and TRUNCATE."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from trunkline.kernel.tmf.tables import resource_table

SCHEMA = "billing"


def define(metadata: sa.MetaData) -> None:
    """Add the tables to `metadata`."""
    _runs(metadata)
    _bill(metadata)
    _bill_line(metadata)
    _sums(metadata)
    resource_table(metadata, SCHEMA, "customer_bill_on_demand")


def _runs(metadata: sa.MetaData) -> None:
    sa.Table(
        "bill_run",
        metadata,
        _key("tenant"),
        _key("id"),
        sa.Column("cut_off_day", sa.Date, nullable=False),
        _text("cycle_id", nullable=True),
        _text("state"),
        _instant("started_at"),
        _instant("finished_at", nullable=True),
        _text("correlation_id"),
        sa.CheckConstraint("state in ('running', 'completed', 'failed', 'cancelled')", name="state"),
        schema=SCHEMA,
    )
    table = sa.Table(
        "bill_run_account",
        metadata,
        _key("tenant"),
        _key("run_id"),
        _key("account_id"),
        _text("outcome"),
        _text("bill_id", nullable=True),
        _text("code", nullable=True),
        _text("message", nullable=True),
        _instant("recorded_at"),
        schema=SCHEMA,
    )
    sa.Index("ix_bill_run_account_outcome", table.c.tenant, table.c.run_id, table.c.outcome)


def _bill(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "bill",
        metadata,
        _key("tenant"),
        _key("id"),
        _text("account_id"),
        _text("account_name"),
        _text("bill_no"),
        _text("legal_entity"),
        sa.Column("number_year", sa.Integer, nullable=False),
        _whole("number"),
        _text("run_id", nullable=True),
        _text("run_type"),
        _text("category"),
        _text("cycle_id"),
        _text("cycle_specification_id"),
        _text("cycle_name"),
        sa.Column("cut_off_day", sa.Date, nullable=False),
        _instant("bill_date"),
        _instant("due_date"),
        _instant("period_start"),
        _instant("period_end"),
        _instant("issued_at"),
        _text("time_zone"),
        _text("currency"),
        sa.Column("decimals", sa.SmallInteger, nullable=False),
        _whole("net_minor"),
        _whole("tax_minor"),
        _whole("gross_minor"),
        sa.Column("related_party", JSONB, nullable=False),
        sa.Column("tokens", ARRAY(sa.Text), nullable=False),
        _text("template_version"),
        _text("document"),
        _text("document_sha256"),
        sa.UniqueConstraint("tenant", "legal_entity", "number_year", "number", name="uq_bill_number"),
        sa.UniqueConstraint("tenant", "bill_no", name="uq_bill_bill_no"),
        sa.CheckConstraint("gross_minor = net_minor + tax_minor", name="gross"),
        sa.CheckConstraint("run_type in ('onCycle', 'offCycle')", name="run_type"),
        schema=SCHEMA,
    )
    sa.Index(
        "uq_bill_account_cycle",
        table.c.tenant,
        table.c.account_id,
        table.c.cut_off_day,
        unique=True,
        postgresql_where=sa.text("run_type = 'onCycle'"),
    )
    sa.Index("ix_bill_account", table.c.tenant, table.c.account_id, table.c.id)
    sa.Index("ix_bill_cycle", table.c.tenant, table.c.cycle_id)
    sa.Index("ix_bill_tokens", table.c.tokens, postgresql_using="gin")


def _bill_line(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "bill_line",
        metadata,
        _key("tenant"),
        _key("id"),
        _text("bill_id"),
        sa.Column("position", sa.Integer, nullable=False),
        _text("account_id"),
        _text("product_id"),
        _text("product_name"),
        _text("order_id", nullable=True),
        _text("order_item_id", nullable=True),
        _text("kind"),
        _text("price_id"),
        _text("price_version", nullable=True),
        _text("charge_key"),
        _text("price_name"),
        sa.Column("unit_amount", sa.Numeric, nullable=False),
        _text("title"),
        _text("formula"),
        _whole("net_minor"),
        _whole("tax_minor"),
        _text("currency"),
        sa.Column("decimals", sa.SmallInteger, nullable=False),
        sa.Column("taxes", JSONB, nullable=False),
        _instant("covers_start", nullable=True),
        _instant("covers_end", nullable=True),
        _instant("period_start", nullable=True),
        _instant("period_end", nullable=True),
        sa.Column("share_part", sa.BigInteger),
        sa.Column("share_whole", sa.BigInteger),
        _text("share_unit", nullable=True),
        sa.Column("quantity", sa.BigInteger),
        _text("unit", nullable=True),
        sa.Column("records", sa.BigInteger),
        _instant("created_at"),
        sa.Column("tokens", ARRAY(sa.Text), nullable=False),
        sa.UniqueConstraint("tenant", "bill_id", "position", name="uq_bill_line_position"),
        schema=SCHEMA,
    )
    sa.Index("ix_bill_line_product", table.c.tenant, table.c.product_id, table.c.charge_key)
    sa.Index("ix_bill_line_tokens", table.c.tokens, postgresql_using="gin")


def _sums(metadata: sa.MetaData) -> None:
    sa.Table(
        "bill_tax",
        metadata,
        _key("tenant"),
        _key("bill_id"),
        _key("category"),
        sa.Column("percent", sa.Numeric, primary_key=True),
        _whole("base_minor"),
        _whole("tax_minor"),
        schema=SCHEMA,
    )
    table = sa.Table(
        "charged_through",
        metadata,
        _key("tenant"),
        _key("product_id"),
        _key("charge_key"),
        _text("account_id"),
        _instant("charged_from"),
        _instant("charged_through"),
        _text("bill_id", nullable=True),
        sa.CheckConstraint("charged_through >= charged_from", name="forwards"),
        schema=SCHEMA,
    )
    sa.Index("ix_charged_through_account", table.c.tenant, table.c.account_id)
    sa.Table(
        "number_sequence",
        metadata,
        _key("tenant"),
        _key("legal_entity"),
        sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
        _whole("last_number"),
        schema=SCHEMA,
    )


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)

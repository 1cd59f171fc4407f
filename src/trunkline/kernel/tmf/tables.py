"""A record resource's table and its history, for migrations."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

_TYPES = {
    "text": sa.Text,
    "timestamptz": lambda: sa.DateTime(timezone=True),
    "date": sa.Date,
    "numeric": sa.Numeric,
    "bigint": sa.BigInteger,
    "boolean": sa.Boolean,
}


def resource_table(metadata: sa.MetaData, schema: str, name: str, hot: Iterable[tuple[str, str]] = ()) -> None:
    """Add `schema.name` and `schema.name_history` to the metadata.

    hot  (column, PostgreSQL type) of the attributes with a column of their own; each gets an index (tenant, column, id)
    """
    instant = sa.DateTime(timezone=True)
    columns = list(hot)
    table = sa.Table(
        name,
        metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("tokens", ARRAY(sa.Text), nullable=False),
        sa.Column("doc", JSONB, nullable=False),
        *(sa.Column(column, _TYPES[type_]()) for column, type_ in columns),  # type: ignore[operator]  # factories
        schema=schema,
    )
    sa.Index(f"ix_{name}_state", table.c.tenant, table.c.state, table.c.id)
    sa.Index(f"ix_{name}_tokens", table.c.tokens, postgresql_using="gin")
    for column, _ in columns:
        sa.Index(f"ix_{name}_{column}", table.c.tenant, table.c[column], table.c.id)
    sa.Table(
        f"{name}_history",
        metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("valid_from", instant, nullable=False),
        sa.Column("valid_to", instant, nullable=False),
        sa.Column("doc", JSONB, nullable=False),
        schema=schema,
    )


def resource_table_ddl(schema: str, name: str, hot: Iterable[tuple[str, str]] = ()) -> list[str]:
    """The statements that make the same two tables, for a migration."""
    columns = list(hot)
    table = f"{schema}.{name}"
    return [
        f"""create table {table}(tenant text not null, id text not null, version int not null, state text,
            created_at timestamptz not null, updated_at timestamptz not null, tokens text[] not null, doc jsonb not null
            {"".join(f", {column} {type_}" for column, type_ in columns)},
            constraint pk_{name} primary key (tenant, id)) with (fillfactor = 85)""",
        f"create index ix_{name}_state on {table}(tenant, state, id)",
        f"create index ix_{name}_tokens on {table} using gin(tokens)",
        *(f"create index ix_{name}_{column} on {table}(tenant, {column}, id)" for column, _ in columns),
        f"""create table {table}_history(tenant text not null, id text not null, version int not null,
            valid_from timestamptz not null, valid_to timestamptz not null, doc jsonb not null,
            constraint pk_{name}_history primary key (tenant, id, version))""",
    ]

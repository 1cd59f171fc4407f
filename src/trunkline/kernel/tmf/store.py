"""The SQL of one record resource: one row a record (hot columns, index tokens, the document), earlier versions beside it.

Every statement's first parameter is the tenant.
"""

from datetime import datetime
from typing import Any

import msgspec

from trunkline.kernel.tmf.schema import attribute_type

COLUMN_TYPES = {
    "string": "text",
    "datetime": "timestamptz",
    "date": "date",
    "number": "numeric",
    "integer": "bigint",
    "boolean": "boolean",
}


class HotColumn(msgspec.Struct, frozen=True):
    """An attribute with a column of its own: filtered by range, sorted, or unique."""

    attribute: str
    column: str
    type: str


class Statements(msgspec.Struct, frozen=True):
    """The statements of one resource, built once when it is declared. Names come from declarations, never from input."""

    insert: str
    update: str
    delete: str
    get: str
    lock: str
    lock_key: str
    exists: str
    hold: str
    several: str
    as_of: str


def statements(relation: str, history: str, hot: tuple[HotColumn, ...]) -> Statements:
    """The statements for the table `relation` ("schema.table")."""
    columns = "".join(f", {column.column}" for column in hot)
    values = "".join(f", ${8 + n}" for n in range(len(hot)))
    updates = "".join(f", {column.column} = ${8 + n}" for n, column in enumerate(hot))
    return Statements(
        insert=f"insert into {relation}(tenant, id, version, state, created_at, updated_at, tokens, doc{columns})"
        f" values ($1, $2, $3, $4, $5, $5, $6, $7::jsonb{values}) returning 1",
        update=f"update {relation} set version = $3, state = $4, updated_at = $5, tokens = $6, doc = $7::jsonb{updates}"
        f" where tenant = $1 and id = $2 and version = $3 - 1 returning 1",
        delete=f"delete from {relation} where tenant = $1 and id = $2 and version = $3 returning 1",
        get=f"select doc, version from {relation} where tenant = $1 and id = $2",
        lock=f"select doc, version, updated_at from {relation} where tenant = $1 and id = $2 for no key update",
        lock_key=f"select doc, version, updated_at from {relation} where tenant = $1 and id = $2 for update",
        exists=f"select id from {relation} where tenant = $1 and id = any($2::text[])",
        hold=f"select id from {relation} where tenant = $1 and id = any($2::text[]) order by id for key share",
        several=f"select id, doc from {relation} where tenant = $1 and id = any($2::text[])",
        as_of=f"""select doc, version from (
            select doc, version, updated_at as valid_from, null::timestamptz as valid_to from {relation}
             where tenant = $1 and id = $2
            union all
            select doc, version, valid_from, valid_to from {history} where tenant = $1 and id = $2) v
            where valid_from <= $3 and (valid_to is null or valid_to > $3) order by version desc limit 1""",
    )


def archive_sql(history: str) -> str:
    """Keep an earlier version: ($1 tenant, $2 id, $3 version, $4 valid from, $5 valid to, $6 document)."""
    return (
        f"insert into {history}(tenant, id, version, valid_from, valid_to, doc)"
        " values ($1, $2, $3, $4, $5, $6::jsonb) returning 1"
    )


def hot_column(entity: type[msgspec.Struct], attribute: str) -> HotColumn:
    """The column for an attribute of the entity. Raises ValueError where its type has none."""
    known = attribute_type(entity, attribute)
    if known is None or known.kind not in COLUMN_TYPES:
        raise ValueError(f"{entity.__name__}.{attribute} cannot have a column of its own")
    return HotColumn(attribute, sql_name(attribute), COLUMN_TYPES[known.kind])


def column_value(value: Any, column_type: str) -> Any:
    """A document's value as the driver wants it for the column."""
    if value is None or column_type in ("text", "boolean", "numeric", "bigint"):
        return value
    return datetime.fromisoformat(value) if column_type == "timestamptz" else datetime.fromisoformat(value).date()


def sql_name(name: str) -> str:
    """A lower camel case name as PostgreSQL's tables and columns have it: "orderDate" → "order_date"."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)

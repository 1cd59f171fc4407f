"""The schema in a migrated database: one chain of migrations, nothing forgotten, a tenant in every key."""

import asyncio

import asyncpg
import pytest

from trunkline.app import migrate

pytestmark = pytest.mark.pg_matrix

ONE_FOR_THE_INSTALLATION = {"public.migration", "kernel.clock", "activation.sealing_key"}
"""Tables that hold no operator's data: what is in them is of the installation as a whole."""
QUEUES = {"kernel.outbox", "kernel.audit_pending"}
"""Taken in order of arrival, whoever they belong to, and gone at once: rows carry the tenant, the key is their turn."""

_KEYS = """
select n.nspname || '.' || c.relname as name, i.indisprimary as is_primary, i.indexrelid::regclass::text as index,
       (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum = i.indkey[0]) as first,
       exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and a.attnotnull) as has_tenant
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_index i on i.indrelid = c.oid and (i.indisprimary or i.indisunique)
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|information_schema)'
order by 1, 3
"""


async def _fetch(dsn: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


def test_the_chain_of_migrations_has_one_head() -> None:
    assert len(migrate.heads()) == 1


def test_a_migrated_database_is_at_the_head_and_lacks_nothing(database_dsn: str) -> None:
    assert migrate.current(database_dsn) == migrate.heads()[0]
    assert migrate.difference(database_dsn) == []


def test_migrating_again_changes_nothing(own_database_dsn: str) -> None:
    migrate.upgrade(own_database_dsn)
    assert migrate.current(own_database_dsn) == migrate.heads()[0]


def test_every_table_has_a_tenant_first_in_each_of_its_keys(database_dsn: str) -> None:
    rows = asyncio.run(_fetch(database_dsn, _KEYS))
    checked = [row for row in rows if row["name"] not in ONE_FOR_THE_INSTALLATION]
    assert len(checked) > 10
    assert [row["name"] for row in checked if not row["has_tenant"]] == []
    keyed = [row for row in checked if row["name"] not in QUEUES]
    assert [(row["name"], row["index"], row["first"]) for row in keyed if row["first"] != "tenant"] == []

"""The migrations: one chain, which adds up to the tables that the code declares; every table has its tenant."""

import asyncpg
import pytest

from trunkline.app.migrate import current, difference, heads
from trunkline.app.revision import newest_revision

WITHOUT_TENANT = {"kernel.clock", "activation.sealing_key", "public.migration"}
"""Facts of the installation, not of a tenant."""


def test_there_is_one_head_and_it_is_the_newest_file() -> None:
    assert heads() == [newest_revision()]


@pytest.mark.pg_matrix
def test_migrations_add_up_to_the_declared_tables(own_database_dsn: str) -> None:
    assert current(own_database_dsn) == newest_revision()
    assert difference(own_database_dsn) == []


async def test_every_table_has_a_tenant_in_its_keys(database_dsn: str) -> None:
    connection = await asyncpg.connect(database_dsn)
    try:
        tables = await connection.fetch(
            """select n.nspname || '.' || c.relname as name,
                      exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and a.attnotnull)
                        as has_tenant,
                      (select array_agg(i.indexrelid::regclass::text) from pg_index i
                        where i.indrelid = c.oid and i.indisunique and not exists (
                          select 1 from unnest(i.indkey) k join pg_attribute a on a.attrelid = c.oid and a.attnum = k
                           where a.attname = 'tenant')) as keys_without
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')"""
        )
    finally:
        await connection.close()
    missing = {row["name"] for row in tables if not row["has_tenant"]} - WITHOUT_TENANT
    assert missing == set()
    queues = {"kernel.outbox_pkey", "kernel.pk_outbox", "kernel.pk_event_log"}
    loose = {key for row in tables if row["has_tenant"] for key in row["keys_without"] or ()} - queues
    assert loose == set()

"""Import and export jobs of the catalog APIs, and the files they read and write."""

from alembic import op

from trunkline.kernel.tmf.tables import resource_table_ddl

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """create table kernel.exchange_file(
            tenant text not null, name text not null, media_type text not null, content bytea not null,
            made_by text not null, made_at timestamptz not null, constraint pk_exchange_file primary key (tenant, name))"""
    )
    for schema in ("product_catalog", "service_catalog", "resource_catalog", "entity_catalog"):
        for table in ("export_job", "import_job"):
            for statement in resource_table_ddl(schema, table, []):
                op.execute(statement)

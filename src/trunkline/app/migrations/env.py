"""Alembic's environment: runs on the connection that `trunkline.app.migrate` hands over."""

from alembic import context

from trunkline.app.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata(),
    include_schemas=True,
    version_table="migration",
    version_table_schema="public",
    transaction_per_migration=True,
    compare_type=True,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()

"""Imports of records: which file, by whom, how far."""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """create table kernel.import_run(
        tenant text not null, id text not null, resource text not null, name text not null, sha256 text not null,
        lines_done bigint not null, actor text not null, started_at timestamptz not null, finished_at timestamptz,
        created bigint, changed bigint, unchanged bigint, refused bigint,
        constraint pk_import_run primary key (tenant, id))""",
    """create unique index ix_import_run_open on kernel.import_run(tenant, resource, sha256) where finished_at is null""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)

"""Jobs and idempotency keys."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""create table kernel.job(
        tenant text not null, id text not null, kind text not null, state text not null,
        done bigint not null, total bigint, message text, input json not null, result json, error json, checkpoint json,
        cancel_requested boolean not null, lease_holder text, lease_until timestamptz, attempts int not null,
        actor text not null, correlation_id text not null, reason text,
        created_at timestamptz not null, started_at timestamptz, finished_at timestamptz,
        constraint pk_job primary key (tenant, id))""")
    op.execute("create index ix_job_queued on kernel.job(created_at) where state = 'queued'")
    op.execute("create index ix_job_lease on kernel.job(lease_until) where state = 'running'")
    op.execute("""create table kernel.idempotency(
        tenant text not null, key text not null, operation text not null, input_hash bytea not null,
        status int, answer bytea, created_at timestamptz not null,
        constraint pk_idempotency primary key (tenant, key))""")
    op.execute("create index ix_idempotency_created_at on kernel.idempotency(created_at)")

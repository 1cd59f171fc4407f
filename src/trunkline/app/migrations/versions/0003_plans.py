"""Plans: durable task graphs."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""create table kernel.plan(
        tenant text not null, id text not null, kind text not null, subject_resource text not null,
        subject_id text not null, state text not null, steps int not null, ended int not null, data json not null,
        actor text not null, correlation_id text not null, causation_id text, reason text,
        created_at timestamptz not null, finished_at timestamptz,
        constraint pk_plan primary key (tenant, id)) with (fillfactor = 80)""")
    op.execute("create index ix_plan_subject on kernel.plan(tenant, subject_resource, subject_id)")
    op.execute("create index ix_plan_open on kernel.plan(tenant, state) where state in ('failed', 'cancelling')")
    op.execute("""create table kernel.step(
        tenant text not null, plan_id text not null, n int not null, name text not null, kind text not null,
        action text, state text not null, unmet int not null, ancestors int[] not null, input json not null, result json, error json,
        run_at timestamptz, delay interval, due_at timestamptz, queue text,
        signal_key text, signalled boolean not null, idempotency_key text not null,
        lease_holder text, lease_until timestamptz, attempts int not null, failures int not null, losses int not null,
        max_attempts int not null, retry_first interval not null, retry_longest interval not null,
        timeout interval not null, undo text, undo_of int, ended int,
        started_at timestamptz, finished_at timestamptz,
        constraint pk_step primary key (tenant, plan_id, n))
        with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)""")
    op.execute("create index ix_step_ready on kernel.step(run_at) where state = 'ready' and kind <> 'callout'")
    op.execute("create index ix_step_callout on kernel.step(run_at) where state = 'ready' and kind = 'callout'")
    op.execute(
        "create index ix_step_lease on kernel.step(lease_until) where state = 'running' and lease_until is not null"
    )
    op.execute("create index ix_step_signal on kernel.step(tenant, signal_key) where signal_key is not null")
    op.execute(
        "create index ix_step_manual on kernel.step(tenant, queue, due_at) where state = 'running' and kind = 'manual'"
    )
    op.execute("""create table kernel.step_dependency(
        tenant text not null, plan_id text not null, successor int not null, predecessor int not null,
        constraint pk_step_dependency primary key (tenant, plan_id, successor, predecessor))""")
    op.execute("create index ix_step_dependency_predecessor on kernel.step_dependency(tenant, plan_id, predecessor)")
    op.execute("""create table kernel.signal(
        tenant text not null, key text not null, result json, given_at timestamptz, awaited_at timestamptz,
        constraint pk_signal primary key (tenant, key))""")

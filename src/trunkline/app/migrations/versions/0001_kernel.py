"""Kernel: clock, outbox, audit trail."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema kernel")
    op.execute("""create table kernel.clock(
        one boolean default true constraint pk_clock primary key constraint ck_clock_one_row check (one),
        clock_offset interval not null)""")
    op.execute("insert into kernel.clock(clock_offset) values (interval '0')")
    op.execute("""create table kernel.outbox(
        seq bigint generated always as identity constraint pk_outbox primary key,
        tenant text not null, id text not null, type text not null, source text not null,
        resource text not null, resource_id text not null, version int not null, occurred_at timestamptz not null,
        correlation_id text not null, causation_id text, actor text not null, payload json not null)""")
    op.execute("""create table kernel.audit(
        tenant text not null, id text not null, recorded_at timestamptz not null, actor text not null,
        channel text not null, action text not null, resource text not null, resource_id text not null,
        version int not null, reason text, correlation_id text not null, before json, after json,
        constraint pk_audit primary key (tenant, id))""")
    op.execute("create index ix_audit_object on kernel.audit(tenant, resource, resource_id)")
    op.execute("create index ix_audit_correlation on kernel.audit(tenant, correlation_id)")

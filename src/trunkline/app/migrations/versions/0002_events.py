"""Events: log, deliveries, inbox, hub subscriptions."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The queues live from insert and delete: clean them by count, not by share of the table, so that a claim never walks
# over many dead rows.
_QUEUE = "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0"


def upgrade() -> None:
    op.execute("""create table kernel.event_log(
        tenant text not null, seq bigint generated always as identity, id text not null, type text not null,
        source text not null, resource text not null, resource_id text not null, version int not null,
        occurred_at timestamptz not null, correlation_id text not null, causation_id text, actor text not null,
        payload json not null,
        constraint pk_event_log primary key (tenant, seq))""")
    op.execute("create index ix_event_log_object on kernel.event_log(tenant, resource, resource_id, seq)")
    op.execute("create index ix_event_log_correlation on kernel.event_log(tenant, correlation_id, seq)")
    op.execute("create index ix_event_log_type on kernel.event_log(tenant, type, seq)")
    op.execute(f"""create table kernel.delivery(
        tenant text not null, consumer text not null, resource text not null, resource_id text not null,
        seq bigint not null, attempts int not null default 0, next_at timestamptz not null, parked_at timestamptz,
        error text,
        constraint pk_delivery primary key (tenant, consumer, resource, resource_id, seq)) with ({_QUEUE})""")
    op.execute("create index ix_delivery_due on kernel.delivery(consumer, next_at, seq)")
    op.execute("create index ix_delivery_parked on kernel.delivery(tenant, seq) where parked_at is not null")
    op.execute("""create table kernel.inbox(
        tenant text not null, consumer text not null, event_id text not null, consumed_at timestamptz not null,
        constraint pk_inbox primary key (tenant, consumer, event_id))""")
    op.execute("""create table kernel.hub_subscription(
        tenant text not null, id text not null, api text not null, callback text not null, query text not null,
        style text not null, types text[], condition text, created_at timestamptz not null, created_by text not null,
        constraint pk_hub_subscription primary key (tenant, id),
        constraint uq_hub_subscription_callback unique (tenant, api, callback, query),
        constraint ck_hub_subscription_style check (style in ('callback', 'listener')))""")
    op.execute(f"alter table kernel.outbox set ({_QUEUE})")

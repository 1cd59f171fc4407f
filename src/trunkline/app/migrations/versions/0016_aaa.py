"""AAA subscribers and the public key their secrets are sealed with (one an installation, as the clock)."""

from alembic import op

revision = "0016"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema if not exists activation")
    op.execute("""create table activation.aaa_subscriber(
        tenant text not null, user_name text not null, service_id text not null, state text not null,
        secret_sealed bytea not null, framed_ip inet, profile text, downstream_bit_s bigint, upstream_bit_s bigint,
        attributes jsonb not null, created_at timestamptz not null, updated_at timestamptz not null,
        constraint pk_aaa_subscriber primary key (tenant, user_name),
        constraint ck_aaa_subscriber_state check (state in ('active', 'suspended')))""")
    op.execute("create index ix_aaa_subscriber_service on activation.aaa_subscriber(tenant, service_id)")
    op.execute("""create table activation.sealing_key(
        one boolean default true constraint pk_sealing_key primary key constraint ck_sealing_key_one_row check (one),
        public_key bytea not null)""")

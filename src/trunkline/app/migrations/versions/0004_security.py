"""Security: principals, roles, keys, sealed audit chain."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _principals()
    _credentials()
    _audit_chain()


def _principals() -> None:
    op.execute("""create table kernel.tenant(
        tenant text constraint pk_tenant primary key, name text not null, state text not null,
        created_at timestamptz not null)""")
    op.execute("""create table kernel.principal(
        tenant text not null, id text not null, kind text not null, name text not null, login text, state text not null,
        created_at timestamptz not null, constraint pk_principal primary key (tenant, id))""")
    op.execute("create unique index ix_principal_login on kernel.principal(tenant, login)")
    op.execute("""create table kernel.role(
        tenant text not null, name text not null, description text not null, built_in boolean not null,
        constraint pk_role primary key (tenant, name))""")
    op.execute("""create table kernel.role_permission(
        tenant text not null, role text not null, permission text not null,
        constraint pk_role_permission primary key (tenant, role, permission))""")
    op.execute("""create table kernel.principal_role(
        tenant text not null, principal_id text not null, role text not null,
        constraint pk_principal_role primary key (tenant, principal_id, role))""")
    op.execute("create index ix_principal_role_role on kernel.principal_role(tenant, role)")


def _credentials() -> None:
    op.execute("""create table kernel.credential(
        tenant text not null, principal_id text not null, password_hash text not null, changed_at timestamptz not null,
        constraint pk_credential primary key (tenant, principal_id))""")
    op.execute("""create table kernel.api_key(
        tenant text not null, id text not null, principal_id text not null, name text not null, secret_hash bytea not null,
        created_at timestamptz not null, expires_at timestamptz, last_used_on date, revoked_at timestamptz,
        constraint pk_api_key primary key (tenant, id))""")
    op.execute("create index ix_api_key_id on kernel.api_key(id)")
    op.execute("create index ix_api_key_principal on kernel.api_key(tenant, principal_id)")
    op.execute("""create table kernel.session(
        tenant text not null, id text not null, principal_id text not null, secret_hash bytea not null,
        created_at timestamptz not null, expires_at timestamptz not null, ends_at timestamptz not null,
        constraint pk_session primary key (tenant, id))""")
    op.execute("create index ix_session_id on kernel.session(id)")
    op.execute("create index ix_session_principal on kernel.session(tenant, principal_id)")
    op.execute("create index ix_session_expiry on kernel.session(expires_at)")
    op.execute("""create table kernel.login_failure(
        tenant text not null, subject text not null, failures int not null, window_ends_at timestamptz not null,
        constraint pk_login_failure primary key (tenant, subject))""")
    op.execute("create index ix_login_failure_window on kernel.login_failure(window_ends_at)")


def _audit_chain() -> None:
    # A queue without any index: appended by the trigger, emptied by the sealer, so it is short and a scan is cheap.
    op.execute("""create table kernel.audit_pending(tenant text not null, id text not null)
        with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)""")
    op.execute("""create table kernel.audit_seal(
        tenant text not null, seal_no bigint not null, sealed_at timestamptz not null, row_count int not null,
        row_ids text[] not null, row_hashes bytea[] not null, previous_hash bytea not null, hash bytea not null,
        constraint pk_audit_seal primary key (tenant, seal_no))""")
    op.execute("""create function kernel.audit_to_pending() returns trigger language plpgsql as
        $$ begin insert into kernel.audit_pending(tenant, id) select tenant, id from inserted; return null; end $$""")
    op.execute("""create trigger audit_to_pending after insert on kernel.audit referencing new table as inserted
        for each statement execute function kernel.audit_to_pending()""")
    op.execute("""create function kernel.append_only() returns trigger language plpgsql as
        $$ begin raise exception '%.% is append-only', tg_table_schema, tg_table_name
            using errcode = 'insufficient_privilege', hint = 'A correction is a new entry.'; end $$""")
    for table in ("audit", "audit_seal"):
        op.execute(f"""create trigger {table}_append_only before update or delete or truncate on kernel.{table}
            for each statement execute function kernel.append_only()""")
    op.execute("insert into kernel.audit_pending(tenant, id) select tenant, id from kernel.audit")

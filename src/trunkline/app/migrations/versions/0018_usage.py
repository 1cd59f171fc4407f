"""Usage: identifiers, batches, raw records, sessions, usage and its TMF635 view; files that wait for their import."""

from alembic import op

from trunkline.kernel.tmf.tables import resource_table_ddl

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema usage")
    op.execute("create schema cdr_files")
    # Equality of text in an exclusion constraint, as ranges of one value: no extension, which a server may not have.
    op.execute("""create type usage.text_range as range (subtype = text, collation = "C")""")
    specification = resource_table_ddl("usage", "usage_specification", [("name", "text")])
    for statement in (*_TABLES, *_INDEXES, *specification, _VIEW):
        op.execute(statement)


_TABLES = (
    """create table cdr_files.upload(
        tenant text not null, id text not null, name text not null, mapping text not null, zone text not null,
        content bytea not null, received_at timestamptz not null, constraint pk_upload primary key (tenant, id))""",
    """create table usage.identifier(
        tenant text not null, id text not null, kind text not null, value text not null, product_id text not null,
        account_id text not null, valid_from timestamptz not null, valid_until timestamptz,
        constraint pk_identifier primary key (tenant, id),
        constraint ck_identifier_ends_after_start check (valid_until is null or valid_until > valid_from),
        constraint ex_identifier_one_product_at_a_time exclude using gist
            (usage.text_range(tenant, tenant, '[]') with =, usage.text_range(kind, kind, '[]') with =,
             usage.text_range(value, value, '[]') with =, tstzrange(valid_from, valid_until) with &&))""",
    """create table usage.batch(
        tenant text not null, id text not null, name text not null, sha256 text not null, mapping text not null,
        state text not null, started_at timestamptz not null, completed_at timestamptz, records_in bigint not null,
        records_known bigint not null,
        constraint pk_batch primary key (tenant, id),
        constraint uq_batch_content unique (tenant, sha256, mapping),
        constraint ck_batch_state check (state in ('running', 'completed')))""",
    """create table usage.raw_record(
        tenant text not null, id text not null, dedupe_key text not null, source text not null, source_ref text not null,
        batch_id text, received_at timestamptz not null, original_at timestamptz, occurred_at timestamptz,
        outcome text not null, reason text, message text, identifier_kind text, identifier text, began_at timestamptz,
        usage_type text, quantity bigint not null, cumulative bigint not null, unit text, session_nas text,
        session_id text, session_generation integer, facts jsonb not null, body jsonb not null, reprocessed_reason text,
        reprocessed_at timestamptz,
        constraint pk_raw_record primary key (tenant, id),
        constraint uq_raw_record_dedupe_key unique (tenant, dedupe_key),
        constraint ck_raw_record_outcome check (outcome in ('rated', 'free', 'suspended', 'rejected')),
        constraint ck_raw_record_held_has_reason check (outcome in ('rated', 'free') or reason is not null))""",
    """create table usage.session(
        tenant text not null, nas text not null, session_id text not null, generation integer not null, user_name text,
        port text, started_at timestamptz not null, last_event_at timestamptz not null, session_time bigint not null,
        input_octets bigint not null, output_octets bigint not null, input_gigawords boolean not null,
        output_gigawords boolean not null, closed_at timestamptz, closed_by text,
        constraint pk_session primary key (tenant, nas, session_id, generation))""",
    """create table usage.usage(
        tenant text not null, id text not null, product_id text not null,
        account_id text not null, price_id text, usage_type text not null, quantity bigint not null, unit text not null,
        charge_micros bigint not null, currency text, tariff jsonb not null, occurred_at timestamptz not null,
        rated_at timestamptz not null, bill_id text, line_id text, billed_at timestamptz,
        constraint pk_usage primary key (tenant, id),
        constraint ck_usage_priced_has_currency check ((price_id is null) = (currency is null)),
        constraint ck_usage_billed_has_line check ((line_id is null) = (billed_at is null)))""",
)

_INDEXES = (
    "create index ix_identifier_value on usage.identifier(tenant, kind, value, valid_from)",
    "create index ix_identifier_product on usage.identifier(tenant, product_id)",
    """create index ix_raw_record_held on usage.raw_record(tenant, reason, id)
        where outcome in ('suspended', 'rejected')""",
    "create index ix_raw_record_batch on usage.raw_record(tenant, batch_id)",
    "create index ix_session_open on usage.session(tenant, nas, last_event_at) where closed_at is null",
    "create index ix_session_user on usage.session(tenant, user_name, last_event_at)",
    """create index ix_usage_unbilled on usage.usage(tenant, account_id, occurred_at)
        where line_id is null and price_id is not null""",
    "create index ix_usage_line on usage.usage(tenant, line_id) where line_id is not null",
    "create index ix_usage_product on usage.usage(tenant, product_id, occurred_at)",
)

# TMF635 has one state machine for a usage record: held ones show as received or rejected, free ones as rated at zero.
_VIEW = r"""create view usage.usage_view as
select r.tenant, r.id, case when u.line_id is not null then 3 when r.reprocessed_at is not null then 2 else 1 end as version,
       s.state, r.received_at as created_at,
       coalesce(u.billed_at, u.rated_at, r.reprocessed_at, r.received_at) as updated_at,
       coalesce(r.occurred_at, r.received_at) as usage_date, coalesce(r.usage_type, 'unknown') as usage_type,
       case when u.id is null then '{}'::text[] else
         array['ratedProductUsage.productRef.id=' || u.product_id] end as tokens,
       jsonb_strip_nulls(jsonb_build_object(
         '@type', 'Usage', 'id', r.id, 'href', '/tmf-api/usageManagement/v4/usage/' || r.id,
         'usageDate', to_char(coalesce(r.occurred_at, r.received_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'usageType', coalesce(r.usage_type, 'unknown'), 'status', s.state,
         'description', case when r.outcome in ('suspended', 'rejected') then concat_ws(': ', r.reason, r.message) end,
         'usageCharacteristic', (
           select jsonb_agg(jsonb_build_object('@type', c.type, 'name', c.name, 'value', c.value, 'valueType', c.kind))
             from (values
               ('IntegerCharacteristic', 'quantity', to_jsonb(r.quantity), 'integer', r.unit is not null),
               ('StringCharacteristic', 'unit', to_jsonb(r.unit), 'string', r.unit is not null),
               ('StringCharacteristic', 'identifier', to_jsonb(r.identifier), 'string', r.identifier is not null),
               ('StringCharacteristic', 'session', to_jsonb(r.session_id), 'string', r.session_id is not null),
               ('StringCharacteristic', 'source', to_jsonb(r.source || ' ' || r.source_ref), 'string', true),
               ('StringCharacteristic', 'rawRecord', to_jsonb('/trunkline/v1/usage/' || r.id || '/rawRecord'), 'string', true)
             ) as c(type, name, value, kind, there) where c.there),
         'ratedProductUsage', case when u.id is not null then jsonb_build_array(jsonb_build_object(
           '@type', 'RatedProductUsage', 'isBilled', u.line_id is not null,
           'ratingDate', to_char(u.rated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'ratingAmountType', 'Total', 'offerTariffType', u.tariff ->> 'name', 'usageRatingTag', 'Usage',
           'taxExcludedRatingAmount', case when u.currency is not null then jsonb_build_object(
             '@type', 'Money', 'unit', u.currency, 'value', trim_scale(u.charge_micros::numeric / 1000000)) end,
           'productRef', jsonb_build_object('@type', 'ProductRef', '@referredType', 'Product', 'id', u.product_id))) end
       )) as doc
  from usage.raw_record r
  left join usage.usage u on u.tenant = r.tenant and u.id = r.id
  cross join lateral (select case when u.line_id is not null then 'billed' when r.outcome in ('rated', 'free') then 'rated'
                                  when r.outcome = 'rejected' then 'rejected' else 'received' end as state) s"""

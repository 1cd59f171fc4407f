"""A usage names the line of the bill that it is on, and is found by it."""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_VIEW = r"""create or replace view usage.usage_view as
select r.tenant, r.id, case when u.line_id is not null then 3 when r.reprocessed_at is not null then 2 else 1 end as version,
       s.state, r.received_at as created_at,
       coalesce(u.billed_at, u.rated_at, r.reprocessed_at, r.received_at) as updated_at,
       coalesce(r.occurred_at, r.received_at) as usage_date, coalesce(r.usage_type, 'unknown') as usage_type,
       case when u.id is null then '{}'::text[] else
         array_remove(array['ratedProductUsage.productRef.id=' || u.product_id,
                            'usageCharacteristic.billLine=' || u.line_id], null) end as tokens,
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
               ('StringCharacteristic', 'rawRecord', to_jsonb('/trunkline/v1/usage/' || r.id || '/rawRecord'), 'string', true),
               ('StringCharacteristic', 'billLine', to_jsonb(u.line_id), 'string', u.line_id is not null)
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


def upgrade() -> None:
    op.execute(_VIEW)

"""Billing: runs, bills with lines and taxes (append-only), numbers, how far is charged; the views of TMF678."""

from alembic import op

from trunkline.kernel.tmf.tables import resource_table_ddl

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema billing")
    for statement in (*_TABLES, *resource_table_ddl("billing", "customer_bill_on_demand"), *_APPEND_ONLY, *_VIEWS):
        op.execute(statement)


_TABLES = (
    """create table billing.bill_run(
        tenant text not null, id text not null, cut_off_day date not null, cycle_id text, state text not null,
        started_at timestamptz not null, finished_at timestamptz, correlation_id text not null,
        constraint pk_bill_run primary key (tenant, id),
        constraint ck_bill_run_state check (state in ('running', 'completed')))""",
    """create table billing.bill_run_account(
        tenant text not null, run_id text not null, account_id text not null, outcome text not null, bill_id text,
        code text, message text, recorded_at timestamptz not null,
        constraint pk_bill_run_account primary key (tenant, run_id, account_id))""",
    "create index ix_bill_run_account_outcome on billing.bill_run_account(tenant, run_id, outcome)",
    """create table billing.bill(
        tenant text not null, id text not null, account_id text not null, account_name text not null,
        bill_no text not null, legal_entity text not null, number_year int not null, number bigint not null,
        run_id text, run_type text not null, category text not null, cycle_id text not null,
        cycle_specification_id text not null, cycle_name text not null, cut_off_day date not null,
        bill_date timestamptz not null, due_date timestamptz not null, period_start timestamptz not null,
        period_end timestamptz not null, issued_at timestamptz not null, time_zone text not null, currency text not null,
        decimals smallint not null, net_minor bigint not null, tax_minor bigint not null, gross_minor bigint not null,
        related_party jsonb not null, tokens text[] not null, template_version text not null, document text not null,
        document_sha256 text not null,
        constraint pk_bill primary key (tenant, id),
        constraint uq_bill_number unique (tenant, legal_entity, number_year, number),
        constraint uq_bill_bill_no unique (tenant, bill_no),
        constraint ck_bill_gross check (gross_minor = net_minor + tax_minor),
        constraint ck_bill_run_type check (run_type in ('onCycle', 'offCycle')))""",
    """create unique index uq_bill_account_cycle on billing.bill(tenant, account_id, cut_off_day)
        where run_type = 'onCycle'""",
    "create index ix_bill_account on billing.bill(tenant, account_id, id)",
    "create index ix_bill_cycle on billing.bill(tenant, cycle_id)",
    "create index ix_bill_tokens on billing.bill using gin(tokens)",
    """create table billing.bill_line(
        tenant text not null, id text not null, bill_id text not null, position int not null, account_id text not null,
        product_id text not null, product_name text not null, order_id text, order_item_id text, kind text not null,
        price_id text not null, price_version text, charge_key text not null, price_name text not null, unit_amount numeric not null,
        title text not null, formula text not null, net_minor bigint not null, tax_minor bigint not null,
        currency text not null, decimals smallint not null, taxes jsonb not null, covers_start timestamptz,
        covers_end timestamptz, period_start timestamptz, period_end timestamptz, share_part bigint, share_whole bigint,
        share_unit text, quantity bigint, unit text, records bigint, created_at timestamptz not null,
        tokens text[] not null,
        constraint pk_bill_line primary key (tenant, id),
        constraint uq_bill_line_position unique (tenant, bill_id, position))""",
    "create index ix_bill_line_product on billing.bill_line(tenant, product_id, charge_key)",
    "create index ix_bill_line_tokens on billing.bill_line using gin(tokens)",
    """create table billing.bill_tax(
        tenant text not null, bill_id text not null, category text not null, percent numeric not null,
        base_minor bigint not null, tax_minor bigint not null,
        constraint pk_bill_tax primary key (tenant, bill_id, category, percent))""",
    """create table billing.charged_through(
        tenant text not null, product_id text not null, charge_key text not null, account_id text not null,
        charged_from timestamptz not null, charged_through timestamptz not null, bill_id text,
        constraint pk_charged_through primary key (tenant, product_id, charge_key),
        constraint ck_charged_through_forwards check (charged_through >= charged_from))""",
    "create index ix_charged_through_account on billing.charged_through(tenant, account_id)",
    """create table billing.number_sequence(
        tenant text not null, legal_entity text not null, year int not null, last_number bigint not null,
        constraint pk_number_sequence primary key (tenant, legal_entity, year))""",
)

# Issued documents never change (invariant 8), whoever is connected; a correction is a new document.
_APPEND_ONLY = (
    """create function billing.refuse_change() returns trigger language plpgsql as $$
       begin
         raise exception 'an issued bill never changes: % on billing.% was refused', tg_op, tg_table_name
           using errcode = 'restrict_violation', hint = 'Issue a credit note and a new bill.';
       end $$""",
    *(
        f"""create trigger {table}_is_append_only before update or delete or truncate on billing.{table}
            for each statement execute function billing.refuse_change()"""
        for table in ("bill", "bill_line", "bill_tax")
    ),
    # A line or a tax may only come with its bill: in the transaction that issues it.
    """create function billing.refuse_late_line() returns trigger language plpgsql as $$
       begin
         if not exists (select 1 from billing.bill b where b.tenant = new.tenant and b.id = new.bill_id
                           and b.xmin = pg_current_xact_id()::xid) then
           raise exception 'bill % is issued: nothing can be added to it', new.bill_id using errcode = 'restrict_violation';
         end if;
         return new;
       end $$""",
    *(
        f"""create trigger {table}_comes_with_its_bill before insert on billing.{table}
            for each row execute function billing.refuse_late_line()"""
        for table in ("bill_line", "bill_tax")
    ),
)


def _instant(column: str) -> str:
    return f"""to_char({column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""


def _money(alias: str, column: str) -> str:
    value = f"round({alias}.{column} / (10::numeric ^ {alias}.decimals), {alias}.decimals)"
    return f"jsonb_build_object('unit', {alias}.currency, 'value', {value})"


_BILLS = "/tmf-api/customerBillManagement/v5"
_VIEWS = (
    f"""create view billing.customer_bill_view as
select b.tenant, b.id, 1 as version, 'validated'::text as state, b.issued_at as created_at, b.issued_at as updated_at,
       b.bill_no, b.bill_date, b.payment_due_date, b.category, b.run_type, b.tokens,
       jsonb_build_object(
         '@type', 'CustomerBill', 'id', b.id, 'href', '{_BILLS}/customerBill/' || b.id, 'billNo', b.bill_no,
         'state', 'validated', 'category', b.category, 'runType', b.run_type,
         'billDate', {_instant("b.bill_date")}, 'paymentDueDate', {_instant("b.payment_due_date")},
         'nextBillDate', {_instant("b.period_end")}, 'lastUpdate', {_instant("b.issued_at")},
         'billingPeriod', jsonb_build_object(
           'startDateTime', {_instant("b.period_start")}, 'endDateTime', {_instant("b.period_end")}),
         'billCycle', jsonb_build_object('@type', 'BillCycleRef', '@referredType', 'BillCycle', 'id', b.cycle_id,
           'href', '{_BILLS}/billCycle/' || b.cycle_id, 'name', b.cycle_name),
         'billingAccount', jsonb_build_object('@type', 'BillingAccountRef', '@referredType', 'BillingAccount',
           'id', b.account_id, 'href', '/tmf-api/accountManagement/v5/billingAccount/' || b.account_id,
           'name', b.account_name),
         'relatedParty', b.related_party,
         'taxExcludedAmount', {_money("b", "net_minor")}, 'taxIncludedAmount', {_money("b", "gross_minor")},
         'amountDue', {_money("b", "gross_minor")}, 'remainingAmount', {_money("b", "gross_minor")},
         'taxItem', (select coalesce(jsonb_agg(jsonb_build_object('@type', 'TaxItem', 'taxCategory', t.category,
             'taxRate', t.percent, 'taxAmount', jsonb_build_object('unit', b.currency,
             'value', round(t.tax_minor / (10::numeric ^ b.decimals), b.decimals))) order by t.category, t.percent), '[]')
           from billing.bill_tax t where t.tenant = b.tenant and t.bill_id = b.id),
         'billDocument', jsonb_build_array(jsonb_build_object('@type', 'AttachmentRef', '@referredType', 'Attachment',
           'id', b.id, 'name', b.bill_no || '.pdf', 'href', '{_BILLS}/customerBill/' || b.id || '/document',
           'url', '{_BILLS}/customerBill/' || b.id || '/document', 'mimeType', 'application/pdf'))) as doc
  from (select *, due_date as payment_due_date from billing.bill) b""",
    f"""create view billing.applied_customer_billing_rate_view as
select l.tenant, l.id, 1 as version, null::text as state, l.created_at, l.created_at as updated_at,
       l.created_at as date, r.type as applied_billing_rate_type, l.title as name, l.tokens,
       jsonb_strip_nulls(jsonb_build_object(
         '@type', 'AppliedCustomerBillingRate', 'id', l.id, 'href', '{_BILLS}/appliedCustomerBillingRate/' || l.id,
         'name', l.title, 'description', l.formula, 'date', {_instant("l.created_at")}, 'isBilled', true,
         'appliedBillingRateType', r.type,
         'bill', jsonb_build_object('@type', 'CustomerBillRef', '@referredType', 'CustomerBill', 'id', l.bill_id,
           'href', '{_BILLS}/customerBill/' || l.bill_id),
         'billingAccount', jsonb_build_object('@type', 'BillingAccountRef', '@referredType', 'BillingAccount',
           'id', l.account_id, 'href', '/tmf-api/accountManagement/v5/billingAccount/' || l.account_id),
         'product', jsonb_build_object('@type', 'ProductRef', '@referredType', 'Product', 'id', l.product_id,
           'href', '/tmf-api/productInventory/v5/product/' || l.product_id, 'name', l.product_name),
         'periodCoverage', case when l.covers_start is not null then jsonb_build_object(
           'startDateTime', {_instant("l.covers_start")}, 'endDateTime', {_instant("l.covers_end")}) end,
         'taxExcludedAmount', {_money("l", "net_minor")},
         'taxIncludedAmount', jsonb_build_object('unit', l.currency,
           'value', round((l.net_minor + l.tax_minor) / (10::numeric ^ l.decimals), l.decimals)),
         'appliedTax', (select coalesce(jsonb_agg(jsonb_build_object('@type', 'AppliedBillingTaxRate',
             'taxCategory', t ->> 'category', 'taxRate', (t ->> 'percent')::numeric, 'taxAmount', jsonb_build_object(
             'unit', l.currency, 'value', round((t ->> 'taxMinor')::bigint / (10::numeric ^ l.decimals), l.decimals)))), '[]')
           from jsonb_array_elements(l.taxes) t),
         'characteristic', (
           select jsonb_agg(jsonb_build_object('@type', c.type, 'name', c.name, 'valueType', c.kind, 'value', c.value))
             from (values
               ('StringCharacteristic', 'productOfferingPrice', 'string', to_jsonb(l.price_id)),
               ('StringCharacteristic', 'productOfferingPriceVersion', 'string', to_jsonb(l.price_version)),
               ('StringCharacteristic', 'productOrder', 'string', to_jsonb(l.order_id)),
               ('StringCharacteristic', 'productOrderItem', 'string', to_jsonb(l.order_item_id)),
               ('IntegerCharacteristic', 'usageRecords', 'integer', to_jsonb(l.records)),
               ('IntegerCharacteristic', 'quantity', 'integer', to_jsonb(l.quantity)),
               ('StringCharacteristic', 'unit', 'string', to_jsonb(l.unit))
             ) as c(type, name, kind, value) where c.value is not null))) as doc
  from billing.bill_line l
  cross join lateral (select case when l.net_minor < 0 then 'appliedBillingCredit' else l.kind || 'Charge' end as type) r""",
    f"""create view billing.bill_cycle_view as
select b.tenant, b.cycle_id as id, 1 as version, null::text as state, min(b.issued_at) as created_at,
       min(b.issued_at) as updated_at, min(b.cycle_name) as name,
       array['BillCycleSpecification.id=' || min(b.cycle_specification_id)] as tokens,
       jsonb_build_object(
         '@type', 'BillCycle', 'id', b.cycle_id, 'href', '{_BILLS}/billCycle/' || b.cycle_id, 'name', min(b.cycle_name),
         'billingDate', {_instant("min(b.bill_date)")}, 'paymentDueDate', {_instant("min(b.due_date)")},
         'validFor', jsonb_build_object(
           'startDateTime', {_instant("min(b.period_start)")}, 'endDateTime', {_instant("min(b.period_end)")}),
         'BillCycleSpecification', jsonb_build_object('@type', 'BillCycleSpecificationRef',
           '@referredType', 'BillingCycleSpecification', 'id', min(b.cycle_specification_id),
           'href', '/tmf-api/accountManagement/v5/billingCycleSpecification/' || min(b.cycle_specification_id))) as doc
  from billing.bill b group by b.tenant, b.cycle_id""",
)

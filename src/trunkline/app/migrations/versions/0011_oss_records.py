"""Record domains of the network side, the members of pools, and the simulated access nodes."""

from alembic import op

from trunkline.kernel.tmf.tables import resource_table_ddl

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NAME = [("name", "text")]
_TABLES: dict[str, dict[str, list[tuple[str, str]]]] = {
    "geography": {
        "geographic_address": [("postcode", "text"), ("city", "text"), ("street_name", "text"), ("street_nr", "text")],
        "geographic_address_validation": [],
        "geographic_location": _NAME,
        "geographic_site": _NAME,
    },
    "service_catalog": {
        "service_catalog": _NAME,
        "service_category": _NAME,
        "service_candidate": _NAME,
        "service_specification": _NAME,
    },
    "resource_catalog": {
        "resource_catalog": _NAME,
        "resource_category": _NAME,
        "resource_candidate": [],
        "resource_specification": _NAME,
    },
    "service_qualification": {
        "check_service_qualification": [],
        "query_service_qualification": [],
    },
    "service_order": {
        "service_order": [("order_date", "timestamptz")],
        "cancel_service_order": [],
    },
    "service_inventory": {
        "service": [*_NAME, ("start_date", "timestamptz"), ("end_date", "timestamptz")],
    },
    "resource_inventory": {"resource": [*_NAME, ("category", "text"), ("value", "text")]},
    "resource_pool": {"resource_pool": [("description", "text")], "reservation": []},
}


def upgrade() -> None:
    for schema, tables in _TABLES.items():
        op.execute(f"create schema {schema}")
        for name, hot in tables.items():
            for statement in resource_table_ddl(schema, name, hot):
                op.execute(statement)
    op.execute("""create table resource_pool.member(
        tenant text not null, pool_id text not null, value text not null, position bigint not null,
        state text not null, holder text, until timestamptz,
        constraint pk_member primary key (tenant, pool_id, value),
        constraint ck_member_holder_goes_with_state check (
            state in ('free', 'reserved', 'allocated', 'quarantined')
            and (holder is null) = (state in ('free', 'quarantined'))))""")
    op.execute("create index ix_member_free on resource_pool.member(tenant, pool_id, position) where state = 'free'")
    op.execute("create index ix_member_holder on resource_pool.member(tenant, holder) where holder is not null")
    op.execute("create index ix_member_until on resource_pool.member(until) where until is not null")
    op.execute("create schema simulator")
    op.execute("""create table simulator.line(
        tenant text not null, access_node text not null, port text not null, line_id text not null,
        configuration json not null, configured_at timestamptz not null,
        constraint pk_line primary key (tenant, access_node, port))""")

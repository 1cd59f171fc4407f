"""References between the halves: stubs of what may be referred to, the references, and whether a tenant is strict."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """create table kernel.stub(
        tenant text not null, id text not null, resource text not null, state text, gone boolean not null,
        seq bigint not null, constraint pk_stub primary key (tenant, id, resource)) with (fillfactor = 80)""",
    """create table kernel.cross_reference(
        tenant text not null, resource text not null, id text not null, path text not null, targets text[] not null,
        target_id text not null, resolved boolean not null, since timestamptz not null,
        constraint pk_cross_reference primary key (tenant, resource, id, path))""",
    "create index ix_cross_reference_target on kernel.cross_reference(tenant, target_id)",
    "create index ix_cross_reference_unresolved on kernel.cross_reference(tenant, since) where not resolved",
    """create table kernel.reference_policy(
        tenant text not null, strict boolean not null, constraint pk_reference_policy primary key (tenant))""",
    # What is there already; events told of it before anybody listened.
    *(
        f"""insert into kernel.stub(tenant, id, resource, state, gone, seq)
            select tenant, id, '{resource}', state, false, 0 from {relation}"""
        for resource, relation in (
            ("individual", "party.individual"),
            ("organization", "party.organization"),
            ("partyRole", "party.party_role"),
            ("customer", "customer.customer"),
            ("service", "service_inventory.service"),
            ("resource", "resource_inventory.resource"),
            ("geographicAddress", "geography.geographic_address"),
            ("geographicSite", "geography.geographic_site"),
            ("geographicLocation", "geography.geographic_location"),
        )
    ),
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)

"""Record domains of the business side."""

from alembic import op

from trunkline.kernel.tmf.tables import resource_table_ddl

revision = "0010"
down_revision = "0005"
branch_labels = None
depends_on = None

_NAME = [("name", "text")]
_TABLES: dict[str, dict[str, list[tuple[str, str]]]] = {
    "party": {
        "individual": [("family_name", "text"), ("given_name", "text")],
        "organization": _NAME,
    },
    "customer": {"customer": _NAME},
    "product_catalog": {
        "category": _NAME,
        "product_catalog": _NAME,
        "product_specification": _NAME,
        "product_offering": _NAME,
        "product_offering_price": [*_NAME, ("price_type", "text")],
    },
    "account": {
        "bill_format": _NAME,
        "bill_presentation_media": _NAME,
        "billing_cycle_specification": _NAME,
        "financial_account": _NAME,
        "billing_account": _NAME,
        "party_account": _NAME,
        "settlement_account": _NAME,
    },
    "qualification": {
        "check_product_offering_qualification": [],
        "query_product_offering_qualification": [],
    },
    "product_ordering": {
        "product_order": [("creation_date", "timestamptz"), ("category", "text")],
        "cancel_product_order": [],
    },
    "product_inventory": {
        "product": [*_NAME, ("start_date", "timestamptz"), ("termination_date", "timestamptz")],
    },
}


def upgrade() -> None:
    for schema, tables in _TABLES.items():
        op.execute(f"create schema {schema}")
        for name, hot in tables.items():
            for statement in resource_table_ddl(schema, name, hot):
                op.execute(statement)

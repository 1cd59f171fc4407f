"""Records of all other TM Forum APIs: one table a resource, and its history."""

from alembic import op

from trunkline.kernel.tmf.tables import resource_table_ddl

revision = "0030"
down_revision = "0020"
branch_labels = None
depends_on = None

_NAME = [("name", "text")]
_TABLES: dict[str, dict[str, list[tuple[str, str]]]] = {
    "party": {
        "party_role_specification": _NAME,
        "party_role": _NAME,
        "party_privacy_profile_specification": _NAME,
        "party_privacy_agreement": _NAME,
        "party_privacy_profile": [],
    },
    "customer": {
        "party_interaction": [("creation_date", "timestamptz")],
    },
    "product_catalog": {
        "promotion": _NAME,
    },
    "agreement": {
        "agreement_specification": _NAME,
        "agreement": [*_NAME, ("agreement_type", "text")],
    },
    "communication": {
        "communication_message": [("message_type", "text"), ("subject", "text")],
    },
    "sales": {
        "sales_lead": _NAME,
        "shopping_cart": [],
        "quote": [("quote_date", "timestamptz"), ("expected_quote_completion_date", "timestamptz")],
        "query_product_recommendation": [],
        "check_product_configuration": [],
        "query_product_configuration": [],
    },
    "qualification": {
        "party_role_product_offering_risk_assessment": [],
        "party_role_risk_assessment": [],
        "product_offering_risk_assessment": [],
        "product_order_risk_assessment": [],
        "shopping_cart_risk_assessment": [],
    },
    "usage": {
        "cdr_transaction": [],
    },
    "balance": {
        "bucket": _NAME,
        "accumulated_balance": _NAME,
        "balance_action_history": [],
        "adjust_balance": [],
        "reserve_balance": [],
        "topup_balance": [],
        "transfer_balance": [],
        "query_usage_consumption": [],
        "usage_consumption_report": _NAME,
    },
    "payment": {
        "payment_method": _NAME,
        "payment": [*_NAME, ("payment_date", "timestamptz")],
        "refund": [*_NAME, ("refund_date", "timestamptz")],
    },
    "stock": {
        "product_stock": _NAME,
        "adjust_product_stock": [],
        "check_product_stock": [],
        "query_product_stock": [],
        "reserve_product_stock": [],
        "shipping_order": [],
    },
    "trouble_ticket": {
        "trouble_ticket_specification": _NAME,
        "trouble_ticket": [
            *_NAME,
            ("ticket_type", "text"),
            ("severity", "text"),
            ("priority", "text"),
            ("creation_date", "timestamptz"),
        ],
    },
    "partner": {
        "partnership_specification": _NAME,
        "partnership": _NAME,
        "party_rev_sharing_algorithm": _NAME,
        "party_rev_sharing_model": _NAME,
        "party_rev_sharing_report": [],
    },
    "geography": {
        "geographic_sub_address": _NAME,
    },
    "resource_order": {
        "resource_order": [*_NAME, ("order_date", "timestamptz")],
        "cancel_resource_order": [],
    },
    "resource_pool": {
        "availability_check": [],
        "extract": [],
        "push": [],
    },
    "activation": {
        "monitor": [],
        "function_monitor": [],
        "resource_monitor": [],
        "resource_function": _NAME,
        "heal": [],
        "migrate": [],
        "scale": [],
    },
    "alarm": {
        "alarm": [
            ("alarm_type", "text"),
            ("perceived_severity", "text"),
            ("probable_cause", "text"),
            ("alarm_raised_time", "timestamptz"),
            ("external_alarm_id", "text"),
        ],
        "ack_alarm": [],
        "clear_alarm": [],
        "comment_alarm": [],
        "group_alarm": [],
        "un_ack_alarm": [],
        "un_group_alarm": [],
        "incident": [*_NAME, ("category", "text"), ("priority", "text")],
        "diagnose_incident": [],
        "resolve_incident": [],
    },
    "service_problem": {
        "service_problem": [("category", "text"), ("priority", "numeric")],
        "service_problem_event_record": [],
        "problem_acknowledgement": [],
        "problem_unacknowledgement": [],
        "problem_group": [],
        "problem_ungroup": [],
    },
    "performance": {
        "performance_indicator_specification": _NAME,
        "performance_indicator_group_specification": _NAME,
        "measurement_collection_job": [],
        "on_demand_collection": [],
        "performance_measurement": [],
        "tracking_record": [],
        "data_access_endpoint": _NAME,
        "threshold_rule": _NAME,
        "threshold": _NAME,
        "threshold_job": [],
    },
    "service_quality": {
        "service_level_objective": _NAME,
        "service_level_specification": _NAME,
    },
    "service_test": {
        "service_test_specification": _NAME,
        "service_test": _NAME,
    },
    "workforce": {
        "appointment": [],
        "search_time_slot": [],
    },
    "change": {
        "change_request": [
            ("planned_start_time", "timestamptz"),
            ("planned_end_time", "timestamptz"),
            ("request_type", "text"),
        ],
    },
    "intent": {
        "intent_specification": _NAME,
        "intent": _NAME,
        "intent_report": _NAME,
    },
    "entity_catalog": {
        "entity_specification": _NAME,
        "association_specification": _NAME,
        "entity_category": _NAME,
        "entity_catalog_item": _NAME,
        "entity_catalog": _NAME,
    },
    "entity_inventory": {
        "entity": [],
        "association": _NAME,
    },
    "document": {
        "document_specification": _NAME,
        "document": [*_NAME, ("document_type", "text")],
    },
    "event_management": {
        "topic": _NAME,
        "event": [("event_type", "text")],
    },
    "process_flow": {
        "process_flow_specification": _NAME,
        "task_flow_specification": _NAME,
        "process_flow": [],
        "task_flow": [],
    },
    "digital_identity": {
        "digital_identity": [("nickname", "text")],
    },
    "policy": {
        "managed_policy": _NAME,
        "managed_policy_action": _NAME,
        "managed_policy_condition": _NAME,
        "managed_policy_constraint": _NAME,
        "managed_policy_event": _NAME,
        "managed_policy_expression": _NAME,
        "managed_policy_operator": _NAME,
        "managed_policy_variable": _NAME,
        "policy_catalog": _NAME,
        "policy_domain": _NAME,
    },
}


def upgrade() -> None:
    for schema, tables in _TABLES.items():
        op.execute(f"create schema if not exists {schema}")
        for name, hot in tables.items():
            for statement in resource_table_ddl(schema, name, hot):
                op.execute(statement)

"""Intents (TMF921): the record face."""

from trunkline.kernel.tmf import LifeCycle, Resource
from trunkline.kernel.tmf.life_cycle import SPECIFICATION_LIFE_CYCLE
from trunkline.oss.intent.entities import (
    INTENT,
    INTENT_REPORT,
    INTENT_SPECIFICATION,
    Intent,
    IntentReport,
    IntentSpecification,
)

LIFE_CYCLE = LifeCycle(
    attribute="lifecycleStatus",
    initial="Created",
    entry={"Active"},
    moves={
        "Created": {"Active", "Rejected", "Terminated"},
        "Active": {"Suspended", "Terminated"},
        "Suspended": {"Active", "Terminated"},
    },
)

intent_specifications = Resource(
    IntentSpecification, INTENT_SPECIFICATION, domain="intent", life_cycle=SPECIFICATION_LIFE_CYCLE, hot=("name",)
)

intents = Resource(Intent, INTENT, domain="intent", life_cycle=LIFE_CYCLE, hot=("name",))

intent_reports = Resource(IntentReport, INTENT_REPORT, domain="intent", hot=("name",))

"""Process flows and tasks (TMF701): the record face. The durable plans of `kernel.plans` are not served here."""

from trunkline.kernel.process_flow.entities import (
    PROCESS_FLOW,
    PROCESS_FLOW_SPECIFICATION,
    TASK_FLOW,
    TASK_FLOW_SPECIFICATION,
    ProcessFlow,
    ProcessFlowSpecification,
    TaskFlow,
    TaskFlowSpecification,
)
from trunkline.kernel.tmf import LifeCycle, Resource
from trunkline.kernel.tmf.life_cycle import SPECIFICATION_LIFE_CYCLE

process_flow_specifications = Resource(
    ProcessFlowSpecification,
    PROCESS_FLOW_SPECIFICATION,
    domain="process_flow",
    life_cycle=SPECIFICATION_LIFE_CYCLE,
    hot=("name",),
)

task_flow_specifications = Resource(
    TaskFlowSpecification,
    TASK_FLOW_SPECIFICATION,
    domain="process_flow",
    life_cycle=SPECIFICATION_LIFE_CYCLE,
    hot=("name",),
)

process_flows = Resource(
    ProcessFlow,
    PROCESS_FLOW,
    domain="process_flow",
    life_cycle=LifeCycle(
        initial="active", moves={"active": {"hold", "cancelled", "completed"}, "hold": {"active", "cancelled"}}
    ),
)

task_flows = Resource(
    TaskFlow,
    TASK_FLOW,
    domain="process_flow",
    life_cycle=LifeCycle(
        initial="new",
        moves={
            "new": {"active", "hold", "cancelled"},
            "active": {"hold", "cancelled", "completed"},
            "hold": {"active", "cancelled"},
        },
    ),
)

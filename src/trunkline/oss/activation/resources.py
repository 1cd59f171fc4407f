"""Activation and configuration (TMF640, TMF664, TMF702).

Services and resources are those of the inventories, seen here as what runs; functions and their tasks are records.
"""

from trunkline.kernel.tmf import LifeCycle, Resource
from trunkline.kernel.tmf.life_cycle import task_life_cycle
from trunkline.kernel.tmf.mount import Alias
from trunkline.oss.activation.entities import (
    HEAL,
    MIGRATE,
    MONITOR_640,
    MONITOR_664,
    MONITOR_702,
    RESOURCE,
    RESOURCE_FUNCTION,
    SCALE,
    SERVICE,
    Heal,
    Migrate,
    Monitor,
    ResourceFunction,
    Scale,
)
from trunkline.oss.resource_inventory.resources import resources
from trunkline.oss.service_inventory.resources import services

FUNCTIONS = "No function manager is connected, so the function was not touched."
_MONITOR = LifeCycle(initial="inProgress", moves={"inProgress": {"completed", "inError"}})

activated_services = Alias(services, SERVICE)
configured_resources = Alias(resources, RESOURCE)

service_monitors = Resource(Monitor, MONITOR_640, domain="activation", life_cycle=_MONITOR)

function_monitors = Resource(Monitor, MONITOR_664, domain="activation", life_cycle=_MONITOR, table="function_monitor")

resource_monitors = Resource(Monitor, MONITOR_702, domain="activation", life_cycle=_MONITOR, table="resource_monitor")

resource_functions = Resource(ResourceFunction, RESOURCE_FUNCTION, domain="activation", hot=("name",))

heals = Resource(Heal, HEAL, domain="activation", life_cycle=task_life_cycle("accepted"), unavailable=FUNCTIONS)

migrates = Resource(
    Migrate, MIGRATE, domain="activation", life_cycle=task_life_cycle("accepted"), unavailable=FUNCTIONS
)

scales = Resource(Scale, SCALE, domain="activation", life_cycle=task_life_cycle("accepted"), unavailable=FUNCTIONS)

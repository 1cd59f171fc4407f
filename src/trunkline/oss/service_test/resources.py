"""Service tests (TMF653): the record face."""

from trunkline.kernel.tmf import LifeCycle, Reference, Resource
from trunkline.kernel.tmf.life_cycle import SPECIFICATION_LIFE_CYCLE
from trunkline.oss.service_catalog.resources import service_specifications
from trunkline.oss.service_inventory.resources import services
from trunkline.oss.service_test.entities import (
    SERVICE_TEST,
    SERVICE_TEST_SPECIFICATION,
    ServiceTest,
    ServiceTestSpecification,
)

LIFE_CYCLE = LifeCycle(
    initial="acknowledged",
    moves={
        "acknowledged": {"rejected", "pending", "inProgress", "cancelled"},
        "pending": {"inProgress", "cancelled"},
        "inProgress": {"completed", "failed", "cancelled"},
    },
)

service_test_specifications = Resource(
    ServiceTestSpecification,
    SERVICE_TEST_SPECIFICATION,
    domain="service_test",
    life_cycle=SPECIFICATION_LIFE_CYCLE,
    hot=("name",),
    references=(Reference("relatedServiceSpecification[*]", to=(service_specifications,)),),
)

service_tests = Resource(
    ServiceTest,
    SERVICE_TEST,
    domain="service_test",
    life_cycle=LIFE_CYCLE,
    hot=("name",),
    references=(
        Reference("relatedService", to=(services,)),
        Reference("testSpecification", to=(service_test_specifications,)),
    ),
)

"""Entities of any kind and how they are associated (TMF703)."""

from trunkline.kernel.entity_catalog.resources import association_specifications
from trunkline.kernel.entity_inventory.entities import ASSOCIATION, ENTITY, Association, Entity
from trunkline.kernel.tmf import Reference, Resource
from trunkline.kernel.tmf.life_cycle import SPECIFICATION_LIFE_CYCLE

entities = Resource(Entity, ENTITY, domain="entity_inventory")

associations = Resource(
    Association,
    ASSOCIATION,
    domain="entity_inventory",
    life_cycle=SPECIFICATION_LIFE_CYCLE,
    hot=("name",),
    references=(Reference("associationSpec", to=(association_specifications,)),),
)

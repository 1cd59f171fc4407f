"""Values of the pools' own engine."""

from datetime import datetime
from enum import StrEnum

import msgspec


class MemberState(StrEnum):
    """Where a pool's member is in its life."""

    FREE = "free"
    RESERVED = "reserved"
    ALLOCATED = "allocated"
    QUARANTINED = "quarantined"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a pool hands out: a port, a VLAN, an address. `holder` is the id of who has it."""

    pool_id: str
    value: str
    state: MemberState
    holder: str | None = None
    until: datetime | None = None


class PoolUse(msgspec.Struct, frozen=True, kw_only=True):
    """How full a pool is."""

    pool_id: str
    free: int
    reserved: int
    allocated: int
    quarantined: int

"""Who does something, for which tenant, when and why: travels with every command."""

from datetime import datetime

import msgspec


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The call context of one unit of work.

    tenant          whose data this is; in every key
    actor           id of the principal (a user, an API key, a worker)
    channel         how it came in: "api", "worker", "cli", "network"
    now             the instant of the installation's clock at which the work began, UTC
    correlation_id  links everything that follows from one outside cause
    causation_id    id of the event or step that led to this, where one did
    reason          why, in the actor's words, for the audit trail
    permissions     what the actor may do; names as "productOrder:create", "*" for all
    """

    tenant: str
    actor: str
    channel: str
    now: datetime
    correlation_id: str
    causation_id: str | None = None
    reason: str | None = None
    permissions: frozenset[str] = frozenset()

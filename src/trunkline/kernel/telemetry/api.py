"""Endpoints of telemetry: /metrics, /health/live, /health/ready."""

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg

from trunkline.kernel.db import Database
from trunkline.kernel.errors import Unavailable
from trunkline.kernel.telemetry.metrics import BACKLOGS, CONTENT_TYPE, Metrics
from trunkline.kernel.web import Call, Endpoint, Reply

_READY_WITHIN_S = 3.0
_TAGS = ("telemetry",)


def endpoints(
    metrics: Metrics, *, migration_head: str, metrics_public: bool = False, backlogs: Mapping[str, str] = BACKLOGS
) -> list[Endpoint]:
    """The endpoints. Metrics need the permission metrics:read unless `metrics_public`; health tells nothing but whether,
    and needs no principal, because what asks is a load balancer."""

    async def show_metrics(call: Call) -> Reply:
        await metrics.collect(call.database, backlogs)
        return Reply(200, metrics.render(), media_type=CONTENT_TYPE)

    async def live(_call: Call) -> Reply:
        return Reply(200, {"status": "pass"})

    async def ready(call: Call) -> Reply:
        checks = await _checks(call.database, migration_head)
        passed = all(check["status"] == "pass" for check in checks.values())
        return Reply(200 if passed else 503, {"status": "pass" if passed else "fail", "checks": checks})

    return [
        Endpoint(
            "GET", "/metrics", "metrics:read", show_metrics, "Metrics for Prometheus", tags=_TAGS, public=metrics_public
        ),
        Endpoint("GET", "/health/live", "", live, "Whether the process answers", tags=_TAGS, public=True),
        Endpoint("GET", "/health/ready", "", ready, "Whether it can do its work", tags=_TAGS, public=True),
    ]


async def _checks(database: Database, migration_head: str) -> dict[str, dict[str, Any]]:
    """The database answers, and its schema is at least the one this release was made for."""
    try:
        async with asyncio.timeout(_READY_WITHIN_S), database.read() as session:
            current = await session.fetch_value("select version_num from public.migration")
    except asyncpg.UndefinedTableError:
        current = None
    except (Unavailable, asyncpg.PostgresError, OSError, TimeoutError):
        return {"database": {"status": "fail", "output": "PostgreSQL does not answer."}}
    # A newer schema will do: migrations stay compatible with the release before, which runs on until it is replaced.
    if current is not None and current >= migration_head:
        migration = {"status": "pass", "observedValue": current}
    else:
        missing = f"Wanted is {migration_head}: `trunkline db upgrade`."
        migration = {"status": "fail", "observedValue": current, "output": missing}
    return {"database": {"status": "pass"}, "migration": migration}

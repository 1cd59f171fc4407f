"""A served installation with the RADIUS endpoints, and one subscriber."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import Installation, installation
from trunkline.adapters.radius import api as radius_api
from trunkline.bss.usage import api as usage_api
from trunkline.oss.activation import aaa
from trunkline.oss.activation.sealing import load_key

ALICE = aaa.PutSubscriber(
    user_name="alice",
    secret="s3cret wörd",
    service_id="s-1",
    framed_ip="100.64.1.10",
    profile="p500",
    downstream_bit_s=500_000_000,
    upstream_bit_s=250_000_000,
    attributes={"Session-Timeout": "3600"},
)


@pytest.fixture
async def served(database_dsn: str, tmp_path: Path) -> AsyncIterator[Installation]:
    """The installation's home lists one access server, "bng", a MikroTik."""
    (tmp_path / "radius.toml").write_text('[[nas]]\nname = "bng"\nvendor = "mikrotik"\n')
    (tmp_path / "radius.toml").chmod(0o600)
    async with installation(database_dsn, [*radius_api.endpoints(tmp_path), *usage_api.endpoints()]) as running:
        async with running.database.unit_of_work() as uow:
            await uow.execute("delete from activation.sealing_key")
            await aaa.publish_key(uow, load_key(tmp_path))
            await aaa.put_subscriber(uow, ALICE, running.context)
        yield running
        with contextlib.suppress(Exception):
            async with running.database.unit_of_work() as uow:
                await uow.execute("truncate usage.raw_record, usage.session, usage.usage, activation.aaa_subscriber")


def request(**attributes: Any) -> dict[str, Any]:
    """A request as rlm_rest sends it."""
    return {
        name.replace("_", "-"): {"type": "integer" if isinstance(value, int) else "string", "value": [value]}
        for name, value in attributes.items()
    }

"""Make a database ready for an installation: schema, first tenant and key, sealing key, and the demo operator."""

from pathlib import Path

import msgspec

from trunkline.app import wiring
from trunkline.app.demo.load import load
from trunkline.app.place import KEY_FILE, NETWORK_KEY_FILE
from trunkline.app.settings import Settings
from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.db.clock_store import start_clock
from trunkline.kernel.ids import new_id
from trunkline.kernel.security.bootstrap import bootstrap
from trunkline.kernel.security.passwords import Passwords
from trunkline.oss.activation.aaa import publish_key
from trunkline.oss.activation.sealing import load_key


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What there is now: where the keys lie, and how many demo documents were new."""

    operator_key: Path
    network_key: Path
    demo_documents: int


async def prepare(settings: Settings, dsn: str) -> Prepared:
    """Make the first tenant with its roles, a key for the operator and one for network elements (files of the home,
    mode 0600, written once), and in a demo the demo operator. Doing it again changes nothing."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = await Database.connect(dsn, clock=Clock(), max_size=2)
    passwords = Passwords()
    try:
        if settings.clock_start is not None and settings.mode == "demo":
            async with database.unit_of_work() as uow:
                await start_clock(uow, database.clock, settings.clock_start)
        context = installation_context(database, settings.tenant)
        operator_key, network_key = settings.home / KEY_FILE, settings.home / NETWORK_KEY_FILE
        for file, name, roles in (
            (operator_key, "operator", "administrator"),
            (network_key, "network", "network_element"),
        ):
            async with database.unit_of_work() as uow:
                made = await bootstrap(
                    uow, passwords, context, tenant_name=settings.tenant, key_name=name, key_roles=(roles,)
                )
                if made.key is not None:
                    _write_secret(file, made.key.key)
        async with database.unit_of_work() as uow:
            await publish_key(uow, load_key(settings.home))
        new = 0
        if settings.mode == "demo":
            new = await load(database, wiring.resources_by_name(), context)
    finally:
        passwords.close()
        await database.close()
    return Prepared(operator_key=operator_key, network_key=network_key, demo_documents=new)


def installation_context(database: Database, tenant: str) -> Context:
    """The context of what the installation does to itself."""
    return Context(
        tenant=tenant,
        actor="system:installation",
        channel="cli",
        now=database.clock.now(),
        correlation_id=new_id(),
        permissions=frozenset({"*"}),
    )


def _write_secret(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text + "\n", "utf-8")
    fresh.replace(path)

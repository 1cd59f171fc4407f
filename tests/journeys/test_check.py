"""The check finds what is wrong and names it: differences seeded into an installation in which S1 was played."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import asyncpg
from rich.console import Console

from trunkline.app.check import CheckReport, run_checks
from trunkline.app.cli.session import command_context
from trunkline.app.stories.fixture import load
from trunkline.app.stories.installation import throw_away
from trunkline.app.stories.report import Report
from trunkline.app.stories.run import play_in
from trunkline.app.wiring import resources
from trunkline.kernel.db import Database
from trunkline.kernel.db.embedded import EmbeddedServer

FIXTURE = load("S1")

SEEDED = {
    "a product is active that no service realises": (
        "update product_inventory.product set doc = doc - 'realizingService' where doc ? 'realizingService'",
        1,
        "product",
    ),
    "a service runs whose product has ended": (
        "update product_inventory.product set state = 'terminated' where name = 'Fibre 500'",
        1,
        "service",
    ),
    "the network lets in somebody without a product": (
        """insert into activation.aaa_subscriber select tenant, 'ghost', service_id, state, secret_sealed, framed_ip, profile,
             downstream_bit_s, upstream_bit_s, attributes, created_at, updated_at from activation.aaa_subscriber""",
        3,
        "AAA subscriber ghost",
    ),
    "the network does not know who is entitled": ("delete from activation.aaa_subscriber", 3, "AAA subscriber line-"),
    "a port is held by nobody that is known": (
        "update resource_pool.member set holder = 'nobody' where pool_id = 'pool-olt-1' and holder is not null",
        2,
        "of pool pool-olt-1",
    ),
    "a record was lost between the counters and the records": (
        "delete from usage.raw_record where id = (select min(id) from usage.raw_record where outcome = 'rated')",
        5,
        "",
    ),
    "an event was never told": (
        "delete from kernel.event_log where resource = 'customer' and type = 'CustomerCreateEvent'",
        12,
        "customer",
    ),
    "a document was changed past the engine": (
        "update customer.customer set doc = jsonb_set(doc, '{name}', '\"Somebody Else\"')",
        18,
        "customer",
    ),
}


async def _check(dsn: str) -> CheckReport:
    database = await Database.connect(dsn)
    try:
        return await run_checks(database, resources(), command_context(database), second_look_s=0)
    finally:
        await database.close()


async def _seed(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def test_O2_every_seeded_difference_is_found_and_named(tmp_path: Path) -> None:
    with throw_away(FIXTURE.values["clock"]["start"].isoformat(), keep=True) as installation:
        report = Report(Console(quiet=True), FIXTURE.title, 9)
        assert play_in(installation, FIXTURE, report, tmp_path) == []
        again = installation.command("check", "--redeliver", "500", "--json")
        assert again.returncode == 0, again.stdout + again.stderr
    server = EmbeddedServer(installation.home)
    try:
        server.start()
        found = {name: _found(server, n, name) for n, name in enumerate(SEEDED)}
    finally:
        server.stop()
        shutil.rmtree(installation.home)
    missed = {
        name: subjects
        for name, subjects in found.items()
        if not any(invariant == SEEDED[name][1] and SEEDED[name][2] in subject for invariant, subject in subjects)
    }
    assert missed == {}


def _found(server: EmbeddedServer, n: int, name: str) -> list[tuple[int, str]]:
    """What the check finds in a copy of the database into which one difference is seeded."""
    copy = f"seeded_{n}"
    words = [str(server.programs / "createdb"), f"--maintenance-db={server.dsn}", "--template=trunkline", copy]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    dsn = server.dsn.replace("/trunkline?", f"/{copy}?")
    asyncio.run(_seed(dsn, SEEDED[name][0]))
    return [(finding.invariant, finding.subject) for finding in asyncio.run(_check(dsn)).findings]

"""The check on a small operator: clean data yield nothing; each seeded difference yields its findings, named exactly.

The differences are made with SQL past the triggers, as a bug or a superuser would make them. Each test has a tenant of
its own. What only billing or usage can get wrong is in their own tests.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.domain.check_scene import Line
from trunkline.app.check import run_checks
from trunkline.app.wiring import resources
from trunkline.bss.billing.checks import ONCE
from trunkline.flows.reconcile.chain import BELONGS, REALISED
from trunkline.flows.reconcile.entitlement import ENTITLED
from trunkline.kernel.db import Database
from trunkline.oss.resource_inventory.facade import EXPIRES, ONE_HOLDER

TRAIL = "every state change has one event, one audit entry and one correlation id"
TRAIL_EXPECTED = "one event for a move and at most one beside it, one audit entry, the same correlation id"
SEALED = "the audit trail is unbroken"
REPLAY = "the state at any past instant equals the snapshot taken then"
TOLD = "the document that its event told"
JULY = "2026-07-01 00:00 to 2026-08-01 00:00"
JUNE = "2026-06-11 15:20 to 2026-07-01 00:00"

Expected = tuple[int, str, str, str, str]

# what is done → the statements, and (invariant, rule, subject, expected, found) of each finding
SEEDED: dict[str, tuple[tuple[str, ...], list[Expected]]] = {
    "1: a technical product lost its service": (
        (
            "update product_inventory.product set doc = doc - 'realizingService' where tenant = $1 and id = '{product}'",
            "update service_inventory.service set state = 'terminated' where tenant = $1 and id in ('{cfs}', '{rfs}')",
            "delete from activation.aaa_subscriber where tenant = $1",
        ),
        [
            (1, REALISED, "product {product}", "one service", "none"),
            (18, REPLAY, "product {product} at {made}", TOLD, "another document"),
        ],
    ),
    "1: the product names another service than the one that realises it": (
        (
            """update product_inventory.product set doc = jsonb_set(doc, '{{realizingService,0,id}}', '"x"')
                where tenant = $1 and id = '{product}'""",
        ),
        [
            (1, REALISED, "product {product}", "service x", "{cfs}"),
            (18, REPLAY, "product {product} at {made}", TOLD, "another document"),
        ],
    ),
    "1, 3: services run on, and the subscriber is let in, when the product has ended": (
        ("update product_inventory.product set state = 'terminated' where tenant = $1 and id = '{product}'",),
        [
            (1, BELONGS, "service {cfs} (cfs)", "an active product", "product {product}, which is not active"),
            (1, BELONGS, "service {rfs} (rfs)", "an active product", "product {product}, which is not active"),
            (3, ENTITLED, "AAA subscriber {user}", "none", "active"),
        ],
    ),
    "1, 3: a resource-facing service is nobody's": (
        ("update service_inventory.service set doc = doc - 'supportingService' where tenant = $1 and id = '{cfs}'",),
        [
            (1, BELONGS, "service {rfs} (rfs)", "an active product", "no product"),
            (3, ENTITLED, "AAA subscriber {user}", "none", "active"),
            (18, REPLAY, "service {cfs} at {made}", TOLD, "another document"),
        ],
    ),
    "2: a port is held by nobody that is known": (
        ("update resource_pool.member set holder = 'nobody' where tenant = $1 and value = '1/1/1'",),
        [
            (2, ONE_HOLDER, "member 1/1/1 of pool ports", "resource nobody: 1/1/1, allocated", "no such resource"),
            (2, ONE_HOLDER, "resource {port} (port)", "held in pool ports", "1/1/1, allocated, but not its holder"),
        ],
    ),
    "2: a port is held by two, one of whom is not told of": (
        (
            """insert into resource_inventory.resource(tenant, id, version, state, created_at, updated_at, tokens, doc, name,
                 value)
               select tenant, 'second', version, state, created_at, updated_at, tokens,
                      jsonb_set(doc, '{{id}}', '"second"'), name, value
                 from resource_inventory.resource where tenant = $1 and id = '{port}'""",
        ),
        [
            (2, ONE_HOLDER, "resource second (port)", "held in pool ports", "1/1/1, allocated, but not its holder"),
            (
                12,
                TRAIL,
                "resource second, version 1",
                TRAIL_EXPECTED,
                "0 events (0 moves), 0 audit entries, the same correlation id",
            ),
        ],
    ),
    "2: a reservation is over and holds on": (
        (
            """update resource_pool.member set state = 'reserved', until = '2026-06-30T00:00:00Z'
                where tenant = $1 and holder = '{port}'""",
        ),
        [
            (2, EXPIRES, "member 1/1/1 of pool ports", "free or allocated", "reserved until 2026-06-30 00:00:00+00:00"),
            (
                2,
                ONE_HOLDER,
                "member 1/1/1 of pool ports",
                "resource {port}: 1/1/1, reserved",
                "1/1/1, allocated",
            ),
        ],
    ),
    "3: the network lets in somebody without a product": (
        (
            """insert into activation.aaa_subscriber
               select tenant, 'ghost', service_id, state, secret_sealed, framed_ip, profile, downstream_bit_s, upstream_bit_s,
                      attributes, created_at, updated_at
                 from activation.aaa_subscriber where tenant = $1""",
        ),
        [(3, ENTITLED, "AAA subscriber ghost", "none", "active")],
    ),
    "3: the network does not know who is entitled": (
        ("delete from activation.aaa_subscriber where tenant = $1",),
        [(3, ENTITLED, "AAA subscriber {user}", "active", "none")],
    ),
    "3: the network keeps out who is entitled": (
        ("update activation.aaa_subscriber set state = 'suspended' where tenant = $1",),
        [(3, ENTITLED, "AAA subscriber {user}", "active", "suspended")],
    ),
    "4: June is charged twice, July not at all": (
        (
            """update billing.bill_line l set covers_start = j.covers_start, covers_end = j.covers_end, share_part = 20
                 from billing.bill_line j
                where l.tenant = $1 and j.tenant = $1 and j.share_part = 20 and l.share_part = 31""",
        ),
        [
            (4, ONCE, f"product {{product}}, price pop-month, {JUNE}", "charged 1 times", "charged 2 times"),
            (4, ONCE, f"product {{product}}, price pop-month, {JULY}", "charged 1 times", "charged 0 times"),
        ],
    ),
    "5: a rated record counts as free": (
        ("update usage.raw_record set outcome = 'free' where tenant = $1 and id = '{record}'",),
        [
            (
                5,
                "records that are not rated have no charge",
                "usage record {record}",
                "free, without a charge",
                "a charge",
            )
        ],
    ),
    "5: a raw record was lost": (
        ("delete from usage.raw_record where tenant = $1 and id = '{record}'",),
        [(5, "each charge has its record", "usage {record}", "a raw record", "none")],
    ),
    "6: a bill line costs a cent more": (
        ("update billing.bill_line set net_minor = net_minor + 1 where tenant = $1 and kind = 'oneTime'",),
        [
            (
                6,
                "a bill equals its lines",
                "bill NL-2026-000001",
                "net 11751, tax 2233 minor units",
                "net 11752, tax 2233 minor units",
            )
        ],
    ),
    "8: a number was left out": (
        ("update billing.number_sequence set last_number = 2 where tenant = $1",),
        [(8, "numbers have no gaps", "bills of seller in 2026", "1 to 2", "1 bills, the last 1")],
    ),
    "12: a change was not told": (
        ("delete from kernel.event_log where tenant = $1 and resource_id = '{customer}' and version = 2",),
        [
            (
                12,
                TRAIL,
                "customer {customer}, version 2",
                TRAIL_EXPECTED,
                "0 events (0 moves), 1 audit entries, different correlation ids",
            )
        ],
    ),
    "12: a change was told twice": (
        (
            """insert into kernel.event_log(tenant, id, type, source, resource, resource_id, version, occurred_at,
                 correlation_id, causation_id, actor, payload)
               select tenant, id || '-' || n, type, source, resource, resource_id, version, occurred_at, correlation_id,
                      causation_id, actor, payload
                 from kernel.event_log, generate_series(1, 2) n
                where tenant = $1 and resource_id = '{customer}' and version = 2""",
        ),
        [
            (
                12,
                TRAIL,
                "customer {customer}, version 2",
                TRAIL_EXPECTED,
                "3 events (0 moves), 1 audit entries, the same correlation id",
            )
        ],
    ),
    "12: event and audit entry name another cause": (
        (
            """update kernel.event_log set correlation_id = 'another'
                where tenant = $1 and resource_id = '{gone}' and type = 'CustomerDeleteEvent'""",
        ),
        [
            (
                12,
                TRAIL,
                "customer {gone}, deletion of version 1",
                TRAIL_EXPECTED,
                "1 events (0 moves), 1 audit entries, different correlation ids",
            )
        ],
    ),
    "12: an audit entry was removed": (
        ("delete from kernel.audit where tenant = $1 and id = '{audit}'",),
        [
            (
                12,
                TRAIL,
                "customer {customer}, version 2",
                TRAIL_EXPECTED,
                "1 events (0 moves), 0 audit entries, different correlation ids",
            ),
            (12, SEALED, "{audit}", "as it was written", "removed: audit row {audit} was removed"),
        ],
    ),
    "12: an audit entry names another person": (
        ("update kernel.audit set actor = 'nobody' where tenant = $1 and id = '{audit}'",),
        [(12, SEALED, "{audit}", "as it was written", "changed: audit row {audit} was changed")],
    ),
    "18: a document was changed past the engine": (
        (
            """update customer.customer set doc = jsonb_set(doc, '{{name}}', '"Somebody Else"')
                where tenant = $1 and id = '{customer}'""",
        ),
        [(18, REPLAY, "customer {customer} at {renamed}", TOLD, "another document")],
    ),
    "18: an earlier version was lost": (
        ("delete from customer.customer_history where tenant = $1 and id = '{customer}'",),
        [(18, REPLAY, "customer {customer} at {made}", TOLD, "nothing")],
    ),
    "18: what was deleted is not kept": (
        ("delete from customer.customer_history where tenant = $1 and id = '{gone}'",),
        [(18, REPLAY, "customer {gone} at {made}", TOLD, "nothing")],
    ),
}


@pytest.fixture(scope="module")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sealing key of the module's database is kept."""
    return tmp_path_factory.mktemp("key")


@pytest.fixture
async def line(database_dsn: str, key_folder: Path) -> AsyncIterator[Line]:
    database = await Database.connect(database_dsn, max_size=8)
    yield await Line.make(database, key_folder)
    await database.close()


async def test_clean_data_yield_nothing(line: Line) -> None:
    assert await line.findings() == []


@pytest.mark.parametrize("name", SEEDED)
async def test_a_seeded_difference_yields_just_its_findings(line: Line, name: str) -> None:
    statements, expected = SEEDED[name]
    await line.seed(*statements)
    assert [msgspec.structs.astuple(finding) for finding in await line.findings()] == [
        (invariant, rule, *(text.format(**line.ids) for text in texts)) for invariant, rule, *texts in expected
    ]


def test_every_invariant_of_the_check_has_a_seeded_difference() -> None:
    """13 is in test_redelivery."""
    assert {expected[0] for _, findings in SEEDED.values() for expected in findings} == {1, 2, 3, 4, 5, 6, 8, 12, 18}


async def test_a_difference_in_one_tenant_is_not_found_in_another(line: Line, key_folder: Path) -> None:
    other = await Line.make(line.database, key_folder)
    await line.seed("delete from activation.aaa_subscriber where tenant = $1")
    assert await other.findings() == []


async def test_small_pages_find_the_same(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    ghosts = """insert into activation.aaa_subscriber
        select tenant, 'ghost-' || n, service_id, state, secret_sealed, framed_ip, profile, downstream_bit_s, upstream_bit_s,
               attributes, created_at, updated_at from activation.aaa_subscriber, generate_series(1, 3) n where tenant = $1"""
    members = "update resource_pool.member set state = 'allocated', holder = 'h' || position where tenant = $1"
    products = """update product_inventory.product set doc = jsonb_set(doc, '{{realizingService}}', '[{{"id": "x"}}]')
                   where tenant = $1"""
    await line.seed(
        ghosts, members, products, "delete from kernel.event_log where tenant = $1 and resource = 'customer'"
    )
    at_once = await line.findings()
    for module in (
        "flows.reconcile.chain",
        "flows.reconcile.entitlement",
        "oss.resource_inventory.facade",
        "kernel.tmf.integrity",
        "bss.billing.checks",
        "bss.billing.left_out",
    ):
        monkeypatch.setattr(f"trunkline.{module}.PAGE", 1)
    assert Counter(finding.invariant for finding in at_once) == {1: 2, 2: 3, 3: 3, 12: 4, 18: 2}
    assert await line.findings() == at_once


async def test_at_most_a_hundred_findings_a_rule_are_named(line: Line) -> None:
    await line.seed(
        """insert into activation.aaa_subscriber
           select tenant, 'ghost-' || n, service_id, state, secret_sealed, framed_ip, profile, downstream_bit_s,
                  upstream_bit_s, attributes, created_at, updated_at
             from activation.aaa_subscriber, generate_series(1, 1200) n where tenant = $1"""
    )
    assert Counter(finding.rule for finding in await line.findings()) == {ENTITLED: 100}


async def test_services_in_a_ring_are_nobodys(line: Line) -> None:
    await line.seed(
        "update service_inventory.service set doc = doc - 'relatedEntity' where tenant = $1 and id = '{cfs}'",
        """update service_inventory.service
              set doc = doc || '{{"supportingService": [{{"id": "{cfs}"}}]}}',
                  tokens = tokens || array['supportingService.id={cfs}']
            where tenant = $1 and id = '{rfs}'""",
    )
    found = [finding for finding in await line.findings() if finding.rule == BELONGS]
    assert [(finding.subject, finding.found) for finding in found] == [
        (f"service {line.ids['cfs']} (cfs)", "no product"),
        (f"service {line.ids['rfs']} (rfs)", "no product"),
    ]


async def test_what_is_over_at_the_second_look_is_no_finding(line: Line) -> None:
    """One half of an installation at work may be just ahead of the other."""

    async def catch_up() -> None:
        await asyncio.sleep(0.5)
        await line.seed("update activation.aaa_subscriber set state = 'active' where tenant = $1")

    await line.seed("update activation.aaa_subscriber set state = 'suspended' where tenant = $1")
    [finding] = await line.findings()
    assert finding.rule == ENTITLED
    catching_up = asyncio.create_task(catch_up())
    report = await run_checks(line.database, resources(), line.scene.context, second_look_s=2)
    await catching_up
    assert report.findings == []

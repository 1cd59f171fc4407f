"""The access driver for Kea on a real Kea: a reservation is made, kept, changed and taken away, and a lease shows it."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from tests.lab.conftest import Laboratory
from trunkline.adapters.kea.access import KeaAccess
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import Conflict, Invalid, Unavailable
from trunkline.oss.activation.contracts import AccessLine
from trunkline_lab import control, cpe, topology
from trunkline_lab.stand_in import StandIn

pytestmark = pytest.mark.lab

CONTEXT = Context(
    tenant="test", actor="test", channel="test", now=datetime(2026, 6, 11, tzinfo=UTC), correlation_id="test"
)
LINE_1, LINE_2 = "01890000-0000-7000-8000-00000000a001", "01890000-0000-7000-8000-00000000a002"


@pytest.fixture
def noc(laboratory: Laboratory) -> Iterator[None]:
    """This thread's network is the NOC's, in reach of Kea; no line is configured before or after."""
    with control.inside("noc", home=laboratory.home):
        before = configuration(laboratory)
        yield
        ask(laboratory, "config-set", {"Dhcp4": before})


def line(laboratory: Laboratory, gateway: str = "cpe1", line_id: str = LINE_1, port: str = "1/acc1") -> AccessLine:
    return AccessLine(
        line_id=line_id,
        access_node="bng",
        port=port,
        address=laboratory.status.kea,
        hardware_address=topology.mac_address(gateway).upper(),
    )


Access = Callable[[], KeaAccess]


@pytest.fixture
async def access(database_dsn: str) -> AsyncIterator[Access]:
    """Makes drivers, each as in a worker of its own, on one database."""
    async with contextlib.AsyncExitStack() as opened:
        databases = [await Database.connect(database_dsn, max_size=2) for _ in range(2)]
        for database in databases:
            opened.push_async_callback(database.close)
        turns = itertools.cycle(databases)
        yield lambda: KeaAccess(next(turns))


def ask(laboratory: Laboratory, command: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    question: dict[str, Any] = {"command": command, "service": ["dhcp4"]}
    if arguments is not None:
        question["arguments"] = arguments
    (answer,) = httpx.post(laboratory.status.kea, json=question, timeout=10).json()
    assert answer["result"] in (0, 3), answer  # 3: done, and nothing was there
    found: dict[str, Any] = answer.get("arguments", {})
    return found


def configuration(laboratory: Laboratory) -> dict[str, Any]:
    found: dict[str, Any] = ask(laboratory, "config-get")["Dhcp4"]
    return found


def reservations(laboratory: Laboratory) -> dict[str, str]:
    (subnet,) = configuration(laboratory)["subnet4"]
    return {found["hw-address"]: found["hostname"] for found in subnet["reservations"]}


def without_reservations(laboratory: Laboratory) -> dict[str, Any]:
    found = configuration(laboratory)
    for subnet in found["subnet4"]:
        del subnet["reservations"]
    return found


@pytest.mark.usefixtures("noc")
async def test_a_line_is_reserved_once_changed_and_taken_away(access: Access, laboratory: Laboratory) -> None:
    driver, one = access(), line(laboratory)
    mac, rest = topology.mac_address("cpe1"), without_reservations(laboratory)
    assert not await driver.verify(one, CONTEXT)

    first, again = await driver.apply(one, CONTEXT), await driver.apply(one, CONTEXT)
    assert (first.changed, again.changed, first.detail) == (True, False, again.detail)
    assert reservations(laboratory) == {mac: "line-00000000a001"}
    assert await driver.verify(one, CONTEXT)

    moved = await driver.apply(line(laboratory, line_id=LINE_2), CONTEXT)
    assert (moved.changed, reservations(laboratory)) == (True, {mac: "line-00000000a002"})
    await driver.apply(one, CONTEXT)
    other_device = await driver.apply(line(laboratory, "cpe2"), CONTEXT)
    assert (other_device.changed, reservations(laboratory)) == (
        True,
        {topology.mac_address("cpe2"): "line-00000000a001"},
    )
    await driver.apply(one, CONTEXT)

    undone, nothing = await driver.undo(one, CONTEXT), await driver.undo(one, CONTEXT)
    assert (undone.changed, nothing.changed, reservations(laboratory)) == (True, False, {})
    assert not await driver.verify(one, CONTEXT)
    assert without_reservations(laboratory) == rest, "only reservations may have changed"


@pytest.mark.usefixtures("noc")
async def test_a_device_that_is_another_lines_now_is_not_taken_for_this_lines(
    access: Access, laboratory: Laboratory
) -> None:
    driver = access()
    await driver.apply(line(laboratory, line_id=LINE_2), CONTEXT)
    assert not await driver.verify(line(laboratory, line_id=LINE_1), CONTEXT)
    assert not (await driver.undo(line(laboratory, line_id=LINE_1), CONTEXT)).changed
    assert reservations(laboratory) == {topology.mac_address("cpe1"): "line-00000000a002"}


@pytest.mark.usefixtures("noc")
async def test_lines_activated_at_the_same_time_do_not_lose_each_other(access: Access, laboratory: Laboratory) -> None:
    lines = [line(laboratory, "cpe1", LINE_1), line(laboratory, "cpe2", LINE_2, "1/acc2")]
    workers = [access(), access()]
    await asyncio.gather(*(driver.apply(each, CONTEXT) for driver, each in zip(workers, lines, strict=True)))
    assert reservations(laboratory) == {
        topology.mac_address("cpe1"): "line-00000000a001",
        topology.mac_address("cpe2"): "line-00000000a002",
    }
    await workers[1].undo(lines[0], CONTEXT)
    assert list(reservations(laboratory)) == [topology.mac_address("cpe2")]


@pytest.mark.usefixtures("noc")
async def test_the_home_gets_its_lease_by_the_reservation(
    access: Access, laboratory: Laboratory, platform: StandIn
) -> None:
    ask(laboratory, "lease4-wipe", {"subnet-id": 1})
    await access().apply(line(laboratory), CONTEXT)
    session = cpe.connect("alice", platform.subscribers["alice"].password, home=laboratory.home)
    leases = {lease["hw-address"]: lease for lease in ask(laboratory, "lease4-get-all")["leases"]}
    lease = leases[topology.mac_address("cpe1")]
    assert (lease["ip-address"], lease["hostname"]) == (session.lease_address, "line-00000000a001")


@pytest.mark.usefixtures("noc")
async def test_what_cannot_be_done_is_said_and_changes_nothing(access: Access, laboratory: Laboratory) -> None:
    driver, good = access(), line(laboratory)
    change = msgspec.structs.replace
    with pytest.raises(Conflict, match="no subnet"):
        await driver.apply(change(good, port="7/acc1"), CONTEXT)
    with pytest.raises(Invalid, match="no hardware address"):
        await driver.apply(change(good, hardware_address=None), CONTEXT)
    with pytest.raises(Conflict, match="refuses config-test"):
        await driver.apply(change(good, hardware_address="not an address"), CONTEXT)
    with pytest.raises(Unavailable, match="does not answer"):
        await driver.apply(change(good, address="http://127.0.0.1:1/"), CONTEXT)
    assert reservations(laboratory) == {}

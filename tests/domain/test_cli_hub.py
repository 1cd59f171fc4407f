"""`trunkline hub`: what operators read of subscribers, and how parked notifications are sent again."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner, Result

from tests.domain.kernel_events.scene import context, happening, publish
from trunkline.app.cli import main
from trunkline.kernel.db import Database
from trunkline.kernel.events.hub import Hub, HubApi
from trunkline.kernel.events.relay import Relay

_T = TypeVar("_T")
API = HubApi(path="/tmf-api/productOrderingManagement/v5", resources=("productOrder",))
PARK = """update kernel.delivery set attempts = 12, parked_at = now(), next_at = 'infinity',
 error = 'DeliveryRefused: The subscriber answered 500.'
 where consumer = $1 and seq = (select min(seq) from kernel.delivery where consumer = $1 and resource_id = $2)"""


@pytest.fixture
def dsn(own_database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TRUNKLINE_DATABASE_URL", own_database_dsn)
    monkeypatch.setenv("TRUNKLINE_HOME", str(tmp_path))
    monkeypatch.setenv("TRUNKLINE_TENANT", "north")
    monkeypatch.setenv("COLUMNS", "260")
    return own_database_dsn


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ("hub", *words))


def at(dsn: str, work: Callable[[Database], Awaitable[_T]]) -> _T:
    async def connected() -> _T:
        database = await Database.connect(dsn, max_size=2)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(connected())


async def _backlog(database: Database) -> str:
    """A subscriber for whom three notifications are under way, two of one order; the first of those is parked."""
    async with database.unit_of_work() as uow:
        wish = {"callback": "http://127.0.0.1:9/hear"}
        made = await Hub(allow_private=True).create(uow, API, wish, context(database))
    await publish(database, *(happening(database, id_, n) for id_, n in (("a", 1), ("a", 2), ("b", 1))))
    await Relay(database, (), [API]).move()
    async with database.unit_of_work() as uow:
        assert await uow.execute(PARK, f"hub:{made.id}", "a") == 1
    return made.id


def test_the_backlog_is_shown_and_what_is_parked_is_sent_again(dsn: str) -> None:
    assert run("list").output == "Nobody has subscribed.\n"
    id_ = at(dsn, _backlog)
    listed = [cell.strip() for cell in run("list").output.splitlines()[3].split("│")]
    assert listed[1:4] == [id_, "productOrderingManagement/v5", "http://127.0.0.1:9/hear"]
    assert (listed[4], listed[6], listed[7]) == ("2", "0", "1")
    shown = dict(line.split(maxsplit=1) for line in run("show", id_).output.splitlines() if len(line.split()) > 1)
    assert (shown["waiting"], shown["parked"]) == ("2", "1")
    assert shown["error"] == "DeliveryRefused: The subscriber answered 500."
    for words in (("parked",), ("parked", id_)):
        parked = run(*words).output
        assert "productOrder a" in parked
        assert "The subscriber answered 500." in parked
        assert "productOrder b" not in parked
    assert run("replay", id_).output == "1 notifications are sent again by the next worker that is free\n"
    assert run("parked").output == "Nothing is parked.\n"
    assert run("replay", id_).output == "Nothing is parked.\n"

    async def left(database: Database) -> list[tuple[int, bool]]:
        async with database.read() as session:
            rows = await session.fetch(
                "select attempts, parked_at is null and next_at <= now() as due from kernel.delivery order by seq"
            )
        return [(row["attempts"], row["due"]) for row in rows]

    assert at(dsn, left) == [(0, True)] * 3


def test_one_parked_notification_is_sent_again_by_its_own_id(dsn: str) -> None:
    id_ = at(dsn, _backlog)
    first = run("parked").output.splitlines()[3].split("│")[1].strip()
    assert first.endswith(f":hub:{id_}")
    assert run("replay", first).exit_code == 0
    again = run("replay", first)
    assert again.exit_code == 1
    assert "There is no such parked event." in again.output


@pytest.mark.parametrize("words", [("show", "none"), ("parked", "none"), ("replay", "none")])
def test_an_unknown_subscription_is_refused(dsn: str, words: tuple[str, ...]) -> None:
    refused = run(*words)
    assert refused.exit_code == 1
    assert "There is no such subscription." in refused.output

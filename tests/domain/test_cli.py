"""The command line: every command answers, and what people type on bills, principals, keys and events does its work."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import pytest
from click.testing import CliRunner, Result

from tests.domain.billing.scene import Scene
from tests.domain.kernel_events import scene as happenings
from trunkline.app.cli import COMMANDS, main
from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.db.clock_store import move_clock
from trunkline.kernel.errors import Unavailable
from trunkline.kernel.events.event import Event
from trunkline.kernel.ids import new_id
from trunkline.kernel.security import store, tokens
from trunkline.kernel.security.bootstrap import bootstrap
from trunkline.kernel.security.passwords import Passwords

_T = TypeVar("_T")
PASSWORD = "four words put together"
BILLABLE = datetime(2026, 7, 2, tzinfo=UTC)


def run(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, words, input=stdin)


def _leaves(command: click.Command, words: tuple[str, ...]) -> list[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        return [(words, command)]
    return [leaf for name, child in command.commands.items() for leaf in _leaves(child, (*words, name))]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_explains_itself(name: str) -> None:
    module, _, attribute = COMMANDS[name][0].partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert command.name == name
    for words, leaf in _leaves(command, (name,)):
        said = run(*words, "--help")
        assert said.exit_code == 0, said.output
        assert said.output.startswith(f"Usage: main {' '.join(words)}")
        assert leaf.help, f"{' '.join(words)} has no help"
    listed = run("--help").output
    assert f"  {name} " in listed


@pytest.mark.parametrize("name", ["bill", "tenant", "user", "key", "events", "order"])
def test_help_shows_an_example_that_names_the_command(name: str) -> None:
    module, _, attribute = COMMANDS[name][0].partition(":")
    for words, leaf in _leaves(getattr(importlib.import_module(module), attribute), (name,)):
        assert leaf.help is not None
        assert f"Example: trunkline {' '.join(words)}" in leaf.help


def test_an_unknown_command_is_refused() -> None:
    assert run("bils").exit_code == 2


# on a database -------------------------------------------------------------------------------------------------------


class Place:
    """An installation as the command line sees it; `tenant` is the test's own."""

    def __init__(self, dsn: str, home: Path, tenant: str) -> None:
        self.dsn, self.home, self.tenant = dsn, home, tenant

    def do(self, work: Callable[[Database], Awaitable[_T]]) -> _T:
        async def carry_out() -> _T:
            database = await Database.connect(self.dsn, clock=Clock(), max_size=4)
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(carry_out())

    def rows(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        async def fetch(database: Database) -> list[dict[str, Any]]:
            async with database.read() as session:
                return [dict(row) for row in await session.fetch(sql, *args)]

        return self.do(fetch)


@pytest.fixture
def place(database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(database_dsn, tmp_path, new_id())
    for name, value in (
        ("TRUNKLINE_DATABASE_URL", database_dsn),
        ("TRUNKLINE_HOME", str(tmp_path)),
        ("TRUNKLINE_TENANT", made.tenant),
        ("COLUMNS", "240"),
    ):
        monkeypatch.setenv(name, value)
    return made


def context_in(database: Database, tenant: str) -> Context:
    return Context(
        tenant=tenant,
        actor="test",
        channel="cli",
        now=database.clock.now(),
        correlation_id=new_id(),
        permissions=frozenset({"*"}),
    )


def billed_operator(place: Place) -> str:
    """An operator with the first line's account; the clock is past 1 July 2026 on any machine. Returns the account."""

    async def make(database: Database) -> str:
        if database.clock.now() < BILLABLE:
            async with database.unit_of_work() as uow:
                await move_clock(uow, database.clock, BILLABLE, context_in(database, place.tenant))
        scene = Scene(database)
        scene.tenant = place.tenant
        await scene.operator()
        return await scene.first_line()

    return place.do(make)


def test_a_day_is_billed_once_listed_and_printed(place: Place) -> None:
    account = billed_operator(place)
    first = run("bill", "run", "--cut-off", "2026-07-01")
    assert first.exit_code == 0, first.output
    assert "accounts 1 = billed 1 + nothing due 0 + billed before 0 + failed 0" in first.stdout
    again = run("bill", "run", "--cut-off", "2026-07-01", "--account", account)
    assert "accounts 1 = billed 0 + nothing due 0 + billed before 1 + failed 0" in again.stdout

    [bill] = place.rows("select id, bill_no from billing.bill where tenant = $1", place.tenant)
    listed = run("bill", "list", "--account", account).stdout
    assert bill["bill_no"] in listed
    assert "120.40 EUR" in listed
    assert "143.28 EUR" in listed
    assert bill["bill_no"] not in run("bill", "list", "--account", "another").stdout
    assert bill["bill_no"] not in run("bill", "list", "--since", "2126-01-01").stdout

    file = place.home / "invoice.pdf"
    printed = run("bill", "print", bill["id"], str(file))
    assert printed.exit_code == 0, printed.output
    assert file.read_bytes().startswith(b"%PDF-")
    assert run("bill", "print", bill["id"], "-").stdout_bytes == file.read_bytes()


def test_an_account_that_cannot_be_billed_is_named_and_the_command_fails(place: Place) -> None:
    billed_operator(place)

    async def spoil(database: Database) -> None:
        async with database.unit_of_work() as uow:
            await uow.execute(
                """update account.billing_cycle_specification set doc = (doc::jsonb - 'currency')::json
                    where tenant = $1""",
                place.tenant,
            )

    place.do(spoil)
    run_ = run("bill", "run", "--cut-off", "2026-07-01")
    assert run_.exit_code == 1, run_.output
    assert "failed 1" in run_.stdout
    assert "failed: account " in run_.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bill", "run", "--cut-off", "2126-07-01", "--account", "x", "--cycle", "monthly-1"), "has not begun"),
        (("bill", "run", "--cut-off", "2026-07-02", "--cycle", "monthly-1"), "billed on day 1"),
        (("bill", "run", "--cut-off", "July"), "Invalid value for '--cut-off'"),
        (("bill", "print", "nope", "x.pdf"), "nope"),
        (("events", "replay", "nope"), "There is no such parked event."),
        (("events", "skip", "1:x"), "Missing option '--reason'"),
        (("events", "skip", "1:x", "--reason", " "), "needs a reason"),
        (("key", "revoke", "tk_nope"), "There is no such key."),
        (("key", "create", "shop", "--role", "nope"), "There is no role 'nope'."),
        (("user", "disable", "nobody"), "trunkline user list"),
    ],
)
def test_what_cannot_be_done_is_said_without_a_traceback(place: Place, words: tuple[str, ...], said: str) -> None:
    billed_operator(place)
    refused = run(*words)
    assert refused.exit_code in (1, 2)
    assert isinstance(refused.exception, SystemExit)
    assert said in refused.output
    assert "Traceback" not in refused.output


def test_a_database_without_a_schema_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "TRUNKLINE_DATABASE_URL", place.dsn.replace(place.dsn.split("?")[0].rpartition("/")[2], "postgres")
    )
    refused = run("key", "list")
    assert refused.exit_code == 1
    assert "trunkline db upgrade" in refused.output


# principals and keys ---------------------------------------------------------------------------------------------------


@pytest.fixture
def tenant(place: Place) -> Place:
    async def make(database: Database) -> None:
        passwords = Passwords()
        async with database.unit_of_work() as uow:
            await bootstrap(uow, passwords, context_in(database, place.tenant), tenant_name="Test")
        passwords.close()

    place.do(make)
    return place


def test_a_person_is_created_with_the_password_from_stdin_and_disabled(tenant: Place) -> None:
    made = run("user", "create", "kim", "--name", "Kim", "--role", "sales", stdin=f"{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    assert "kim may log in with role sales" in made.stdout
    [stored] = tenant.rows("select password_hash from kernel.credential where tenant = $1", tenant.tenant)
    passwords = Passwords()
    assert asyncio.run(passwords.verify(stored["password_hash"], PASSWORD))
    passwords.close()
    assert "sales" in run("user", "list").stdout
    twice = run("user", "create", "kim", "--role", "sales", stdin=f"{PASSWORD}\n")
    assert twice.exit_code == 1
    assert "Choose another one." in twice.output

    ended = run("user", "disable", "kim", "--reason", "has left")
    assert ended.stdout == "kim is disabled\n"
    [entry] = tenant.rows(
        "select actor, reason from kernel.audit where tenant = $1 and action = 'change'", tenant.tenant
    )
    assert entry["actor"].startswith("cli:")
    assert entry["reason"] == "has left"


@pytest.mark.parametrize(
    ("words", "password", "said"),
    [
        (("kim",), "short", "12 to 200 characters"),
        (("kim",), "", "$.password"),
        (("two words",), PASSWORD, "$.login"),
        (("kim", "--role", "King"), PASSWORD, "$.roles"),
    ],
)
def test_a_person_is_refused(tenant: Place, words: tuple[str, ...], password: str, said: str) -> None:
    refused = run("user", "create", *words, stdin=f"{password}\n")
    assert refused.exit_code in (1, 2)
    assert said in refused.output
    assert not password or password not in refused.output
    assert tenant.rows("select 1 from kernel.principal where tenant = $1", tenant.tenant) == []


def test_a_key_is_printed_once_works_and_is_revoked(tenant: Place) -> None:
    made = run("key", "create", "shop", "--role", "sales", "--expires", "2126-01-01")
    assert made.exit_code == 0, made.output
    [text] = made.stdout.splitlines()
    presented = tokens.parse(text)
    assert presented is not None

    async def found(database: Database) -> bool:
        async with database.read() as session:
            row = await store.find_key(session, presented.id)
        return row is not None and tokens.matches(presented.secret, row["secret_hash"])

    assert tenant.do(found)
    listed = run("key", "list").stdout
    assert f"tk_{presented.id}" in listed
    assert presented.secret not in listed
    assert "ends 2126-01-01" in listed
    assert run("key", "revoke", f"tk_{presented.id}").exit_code == 0
    assert not tenant.do(found)
    assert "revoked" in run("key", "list").stdout


def test_a_tenant_is_made_once_with_its_roles_and_a_key_of_its_own(tenant: Place) -> None:
    name = f"north-{new_id()[-6:]}"
    made = run("tenant", "create", name, "--name", "Northern Fibre")
    assert made.exit_code == 0, made.output
    [text] = made.stdout.splitlines()
    presented = tokens.parse(text)
    assert presented is not None
    [key] = tenant.rows("select tenant from kernel.api_key where id = $1", presented.id)
    assert key["tenant"] == name
    roles = tenant.rows("select name from kernel.role where tenant = $1 and built_in", name)
    assert "administrator" in {role["name"] for role in roles}
    assert "Northern Fibre" in run("tenant", "list").stdout
    again = run("tenant", "create", name)
    assert (again.exit_code, again.stdout) == (0, "")
    assert "there already" in again.stderr
    for wrong in ("North", "1north", "north/south"):
        assert run("tenant", "create", wrong).exit_code == 2


# events ---------------------------------------------------------------------------------------------------------------


def park(place: Place, *resource_ids: str) -> None:
    """For each id one event that its consumer cannot digest, and one that waits behind it."""

    async def broken(happened: Event, uow: Any, call: Context) -> None:
        raise Unavailable("gatewayDown", "The gateway is down.")

    async def make(database: Database) -> None:
        sent = [happenings.happening(database, id_, n, tenant=place.tenant) for id_ in resource_ids for n in (1, 2)]
        await happenings.publish(database, *sent)
        await happenings.drain(*happenings.line(database, happenings.subscribed(broken)))

    place.do(make)


def test_parked_events_are_listed_replayed_and_skipped(place: Place) -> None:
    assert run("events", "parked").stdout == "Nothing is parked.\n"
    park(place, "A", "B")
    rows = place.rows(
        "select seq, resource_id from kernel.delivery where tenant = $1 and parked_at is not null", place.tenant
    )
    ids = {row["resource_id"]: f"{row['seq']}:proof.note" for row in rows}
    listed = run("events", "parked").stdout
    for id_ in ids.values():
        assert id_ in listed
    assert "gatewayDown" in listed
    assert run("events", "parked", "--consumer", "another").stdout == "Nothing is parked.\n"

    assert run("events", "replay", ids["A"]).exit_code == 0
    assert run("events", "replay", ids["A"]).exit_code == 1
    assert run("events", "skip", ids["B"], "--reason", "entered by mistake").exit_code == 0
    assert run("events", "parked").stdout == "Nothing is parked.\n"
    left = place.rows(
        "select resource_id, count(*) n from kernel.delivery where tenant = $1 group by 1 order by 1", place.tenant
    )
    assert [(row["resource_id"], row["n"]) for row in left] == [("A", 2), ("B", 1)]
    [entry] = place.rows("select reason from kernel.audit where tenant = $1 and action = 'skip'", place.tenant)
    assert entry["reason"] == "entered by mistake"

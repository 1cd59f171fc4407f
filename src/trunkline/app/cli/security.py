"""`trunkline user` and `trunkline key`: who may log in, and keys for programs."""

import sys
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from trunkline.app.cli.refusal import run
from trunkline.app.cli.session import command_context, open_database
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.errors import NotFound
from trunkline.kernel.security import facade
from trunkline.kernel.security.contracts import CreatedKey, NewKey, NewPrincipal, PrincipalChange, PrincipalView
from trunkline.kernel.security.passwords import Passwords

_T = TypeVar("_T")


@click.group()
def user() -> None:
    """People who may log in."""


@user.command("create")
@click.argument("login")
@click.option("--name", help="The person's name; the login when left out.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role; may be given several times.")
def create_user(login: str, name: str | None, roles: tuple[str, ...]) -> None:
    """Create a person who logs in as LOGIN. The password is asked for, or read from the standard input.

    Example: trunkline user create kim --name "Kim Berg" --role sales
    """
    given = {"name": name or login, "login": login, "roles": list(roles), "password": _password()}
    request = _input(given, NewPrincipal)

    async def work() -> PrincipalView:
        passwords = Passwords()
        try:
            async with open_database() as database, database.unit_of_work() as uow:
                return await facade.create_user(uow, passwords, request, command_context(database))
        finally:
            passwords.close()

    created = run(work())
    click.echo(f"{created.login} may log in with {_words(created.roles)}  id {created.id}")


@user.command("list")
def list_users() -> None:
    """List people and programs with their roles.

    Example: trunkline user list
    """

    async def work() -> None:
        table = Table("login", "name", "kind", "state", "roles", "id")
        async with open_database() as database:
            for row in await _principals(database, command_context(database)):
                table.add_row(row.login or "", row.name, row.kind, row.state, ", ".join(row.roles), row.id)
        Console().print(table)

    run(work())


@user.command()
@click.argument("login_or_id", metavar="LOGIN|ID")
@click.option("--reason", help="Why; kept in the audit trail.")
def disable(login_or_id: str, reason: str | None) -> None:
    """Disable a person or program: sessions end, keys stop. Nothing is deleted.

    Example: trunkline user disable kim --reason "has left"
    """

    async def work() -> PrincipalView:
        passwords = Passwords()
        try:
            async with open_database() as database:
                context = command_context(database, reason=reason)
                found = [p for p in await _principals(database, context) if login_or_id in (p.login, p.id)]
                if not found:
                    raise NotFound(
                        "unknownPrincipal", f"Nobody is {login_or_id!r}.", hint="See who there is: trunkline user list."
                    )
                change = PrincipalChange(state="disabled")
                async with database.unit_of_work() as uow:
                    return await facade.change_principal(uow, passwords, found[0].id, change, context)
        finally:
            passwords.close()

    click.echo(f"{login_or_id} is {run(work()).state}")


@click.group()
def key() -> None:
    """API keys for programs."""


@key.command("create")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, metavar="ROLE", help="May be given several times.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="The day (UTC) at whose beginning it ends.")
def create_key(name: str, roles: tuple[str, ...], expires: datetime | None) -> None:
    """Make a key called NAME and print it, this once: only its hash is kept.

    Example: trunkline key create web-shop --role sales > web-shop.key
    """
    given = {"name": name, "roles": list(roles), "expiresAt": None if expires is None else expires.replace(tzinfo=UTC)}
    request = _input(given, NewKey)

    async def work() -> CreatedKey:
        async with open_database() as database, database.unit_of_work() as uow:
            return await facade.create_key(uow, request, command_context(database))

    made = run(work())
    click.echo(f"key {made.id} with {_words(list(roles))}. It is not shown again.", err=True)
    click.echo(made.key)


@key.command("list")
def list_keys() -> None:
    """List keys, without their secrets.

    Example: trunkline key list
    """

    async def work() -> None:
        table = Table("name", "begins with", "created", "last used", "state")
        async with open_database() as database, database.read() as session:
            context = command_context(database)
            after = ""
            while rows := await facade.list_keys(session, context, after, facade.PAGE_MAX):
                for row in rows:
                    state = _state(row.revoked_at, row.expires_at, context.now)
                    table.add_row(
                        row.name, row.prefix, f"{row.created_at:%Y-%m-%d}", row.last_used_on or "never", state
                    )
                after = rows[-1].id
        Console().print(table)

    run(work())


@key.command()
@click.argument("key_id", metavar="ID")
@click.option("--reason", help="Why; kept in the audit trail.")
def revoke(key_id: str, reason: str | None) -> None:
    """Revoke the key ID (or what it begins with, as `key list` shows it): it stops at once, everywhere.

    Example: trunkline key revoke tk_0197… --reason "was in a public repository"
    """

    async def work() -> None:
        async with open_database() as database, database.unit_of_work() as uow:
            await facade.revoke_key(uow, key_id.removeprefix("tk_"), command_context(database, reason=reason))

    run(work())
    click.echo(f"{key_id} is revoked")


async def _principals(database: Database, context: Context) -> list[PrincipalView]:
    found: list[PrincipalView] = []
    async with database.read() as session:
        while rows := await facade.list_principals(session, context, found[-1].id if found else "", facade.PAGE_MAX):
            found += rows
    return found


def _password() -> str:
    """Never an argument: those can be read by every user of the machine and stay in the shell's history."""
    if sys.stdin.isatty():
        answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return answer
    return sys.stdin.readline().rstrip("\r\n")


def _input(given: dict[str, Any], type_: type[_T]) -> _T:
    try:
        return msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from error


def _words(roles: list[str]) -> str:
    return f"role {', '.join(roles)}" if roles else "no role"


def _state(revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> str:
    if revoked_at is not None:
        return f"revoked {revoked_at:%Y-%m-%d}"
    if expires_at is not None:
        return f"{'expired' if expires_at <= now else 'ends'} {expires_at:%Y-%m-%d}"
    return "in force"

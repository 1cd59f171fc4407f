"""`trunkline tenant`: the operators that live in one installation, none of which sees another."""

import re

import click
from rich.console import Console
from rich.table import Table

from trunkline.app.cli.refusal import run
from trunkline.app.cli.session import command_context, open_database
from trunkline.kernel.security.bootstrap import Bootstrapped, bootstrap
from trunkline.kernel.security.passwords import Passwords

KEY_NAME = "administrator"
_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")


@click.group()
def tenant() -> None:
    """Tenants: operators that share an installation; none sees another.

    The installation's own tenant is that of TRUNKLINE_TENANT ("default"); other commands work in it too, so that
    TRUNKLINE_TENANT=north trunkline user create kim makes a user of the tenant north.
    """


@tenant.command("create")
@click.argument("tenant_id", metavar="ID")
@click.option("--name", help="What people call it; the id when left out.")
def create_tenant(tenant_id: str, name: str | None) -> None:
    """Make the tenant ID with its built-in roles, and print an administrator's key, this once.

    A tenant that is there already keeps what it has.

    Example: trunkline tenant create north --name "Northern Fibre" > north.key
    """
    if not _ID.fullmatch(tenant_id):
        raise click.UsageError("A tenant's id has small letters, digits and hyphens, a letter first, at most 63.")

    async def work() -> Bootstrapped:
        passwords = Passwords()
        try:
            async with open_database() as database, database.unit_of_work() as uow:
                context = command_context(database, tenant=tenant_id)
                return await bootstrap(uow, passwords, context, tenant_name=name or tenant_id, key_name=KEY_NAME)
        finally:
            passwords.close()

    made = run(work())
    if made.key is None:
        click.echo(f"tenant {tenant_id} is there already, and its key {KEY_NAME!r} is in force", err=True)
        return
    click.echo(f"tenant {tenant_id}: key {KEY_NAME!r} with role administrator. It is not shown again.", err=True)
    click.echo(made.key.key)


@tenant.command("list")
def list_tenants() -> None:
    """List the tenants of this installation.

    Example: trunkline tenant list
    """

    async def work() -> None:
        table = Table("id", "name", "state", "created")
        async with open_database() as database, database.read() as session:
            for row in await session.fetch("select tenant, name, state, created_at from kernel.tenant order by tenant"):
                table.add_row(row["tenant"], row["name"], row["state"], f"{row['created_at']:%Y-%m-%d}")
        Console().print(table)

    run(work())

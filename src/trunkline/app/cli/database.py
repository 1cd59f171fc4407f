"""`trunkline db`: the schema and a way in."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import click

from trunkline.app.migrate import current, heads, upgrade
from trunkline.app.place import dsn_of
from trunkline.app.prepare import prepare
from trunkline.app.processes import read_running
from trunkline.app.settings import Settings
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.db.programs import find_programs


@click.group()
def db() -> None:
    """The database: migrate, status, a shell."""


@db.command("upgrade")
def upgrade_schema() -> None:
    """Bring the schema to this release. Forward only; waits at most 4 s for locks; safe to call at any time."""
    with _database(Settings.from_environment()) as dsn:
        upgrade(dsn)


@db.command("prepare")
def prepare_installation() -> None:
    """Upgrade, then make what an installation begins with: its tenant with roles, the keys in its home, and in demo mode
    the demo operator. `trunkline up` does it before a first start; doing it again changes nothing."""
    settings = Settings.from_environment()
    with _database(settings) as dsn:
        upgrade(dsn)
        made = asyncio.run(prepare(settings, dsn))
    click.echo(
        f"ready: keys {made.operator_key}, {made.network_key}; {made.demo_documents} new demo documents", err=True
    )


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[str]:
    """Where the database answers; an embedded server that does not run is started for the time."""
    with contextlib.ExitStack() as cleanup:
        if settings.database_url is None and read_running(settings.home) is None:
            server = EmbeddedServer(settings.home)
            server.start()
            cleanup.callback(server.stop)
        yield dsn_of(settings)


@db.command()
def status() -> None:
    """Say where the schema is and where this release wants it."""
    found = current(dsn_of(Settings.from_environment()))
    wanted = heads()[0]
    click.echo(
        f"schema {found or 'none'}, this release {wanted}: {'up to date' if found == wanted else 'run trunkline db upgrade'}"
    )


@db.command()
def shell() -> None:
    """Open psql on the installation's database."""
    psql, dsn = find_programs() / "psql", dsn_of(Settings.from_environment())
    shown, password = _without_password(dsn)
    if not psql.exists():
        raise click.ClickException(
            f"These PostgreSQL programs come without psql. Install postgresql-client, then connect to: {shown}"
        )
    if password:  # not among the words of the command, which every user of the machine can read
        os.environ["PGPASSWORD"] = password
    os.execv(psql, [str(psql), shown])  # noqa: S606  # becomes psql


def _without_password(dsn: str) -> tuple[str, str | None]:
    """The URL as psql may be given it, and the password that stood in it: in the log-in, or among the options."""
    parts = urlsplit(dsn)
    login, at, place = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    options = parse_qsl(parts.query, keep_blank_values=True)
    asked = dict(options).get("password") or unquote(password)
    query = urlencode([(name, value) for name, value in options if name != "password"], safe="/")
    return f"{parts.scheme}://{user}{at}{place}{parts.path}{query and '?'}{query}", asked or None

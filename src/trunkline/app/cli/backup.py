"""`trunkline backup` and `trunkline restore`."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from trunkline.app import restore as restoring
from trunkline.app.backup import make_backup
from trunkline.app.backup_archive import Manifest
from trunkline.app.backup_archive import Progress as Told
from trunkline.app.cli import refusal
from trunkline.app.cli.session import open_database
from trunkline.app.settings import Settings

_FILE = click.Path(dir_okay=False, resolve_path=True, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--verify/--no-verify", default=True, help="Prove the copy by restoring it into a throw-away server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def backup(file: Path, verify: bool, as_json: bool) -> None:
    """Copy the whole installation, database and keys, into FILE while it runs, and prove the copy.

    Keep FILE as safe as the installation itself: it holds the keys.

    Example: trunkline backup /srv/backup/trunkline-2026-07-01.tar
    """
    settings, console = Settings.from_environment(), Console(stderr=as_json)

    async def run() -> Manifest:
        async with open_database(settings) as database:
            with _progress(console) as told:
                return await make_backup(
                    database.dsn, settings.home, file, clock=database.clock, verify=verify, progress=told
                )

    manifest = _run(run())
    proven = "restored and compared table by table" if verify else "not proven (--no-verify)"
    console.print(f"[green]✓[/green] {file}: {_content(manifest)}, {file.stat().st_size:,} octets, {proven}")
    if as_json:
        click.echo(_json(manifest, file=str(file), verified=verify))


@click.command()
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def restore(file: Path, as_json: bool) -> None:
    """Restore FILE into an empty installation, compare it, and bring its schema to this release.

    Example: TRUNKLINE_HOME=/srv/trunkline trunkline restore /srv/backup/trunkline-2026-07-01.tar
    """
    settings, console = Settings.from_environment(), Console(stderr=as_json)

    async def run() -> Manifest:
        with _progress(console) as told:
            return await restoring.restore(file, settings, told)

    manifest = _run(run())
    console.print(
        f"[green]✓[/green] restored {_content(manifest)}, as of {manifest.made_at:%Y-%m-%dT%H:%M:%SZ}. Start it: trunkline up"
    )
    if as_json:
        click.echo(_json(manifest, file=str(file), home=str(settings.home)))


def _run(work: Coroutine[Any, Any, Manifest]) -> Manifest:
    """As `refusal.run`; SIGTERM ends the work as Ctrl-C does, so that nothing is left behind."""

    async def stoppable() -> Manifest:
        task = asyncio.current_task()
        assert task is not None  # a coroutine that asyncio runs is a task
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return refusal.run(stoppable())
    except asyncio.CancelledError as error:
        raise click.Abort from error


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[Told]:
    """A bar on a terminal; each new stage takes it over."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("preparing", total=None)

        def told(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        yield told


def _content(manifest: Manifest) -> str:
    rows = sum(figures.rows for figures in manifest.tables.values())
    return f"{len(manifest.tables)} tables, {rows:,} rows, {len(manifest.parts) - 1} files"


def _json(manifest: Manifest, **more: object) -> str:
    return msgspec.json.encode({**more, **msgspec.to_builtins(manifest)}).decode()

"""The command group `lab`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import click

from trunkline_lab import control, enter, record
from trunkline_lab.errors import LabError
from trunkline_lab.home import LAB, Home


@click.group()
@click.option("--home", type=click.Path(path_type=Path), help="State directory [TRUNKLINE_LAB_HOME].")
@click.pass_context
def lab(context: click.Context, home: Path | None) -> None:
    """A real network on this machine: routers, an access gateway, RADIUS, homes. Needs root."""
    try:
        context.obj = Home.find(home)
    except LabError as error:
        raise click.ClickException(str(error)) from None


@lab.command()
def install() -> None:
    """Install the Debian packages the laboratory needs."""
    sys.exit(subprocess.run(["bash", str(LAB / "install.sh")], check=False).returncode)


@lab.command()
@click.option(
    "--api", default=control.DEFAULT_API, show_default=True, help="Address FreeRADIUS asks, seen from the NOC."
)
@click.option("--api-user", envvar="TRUNKLINE_LAB_API_USER", help="Key id for HTTP basic authentication.")
@click.option("--api-password-file", type=click.File("r"), help="Its secret [or TRUNKLINE_LAB_API_PASSWORD].")
@click.option("--interim", default=5, show_default=True, help="Seconds between interim accounting records.")
@click.option("--no-wait", is_flag=True, help="Do not wait for routing to converge.")
@click.pass_obj
def up(
    home: Home,
    api: str,
    api_user: str | None,
    api_password_file: TextIO | None,
    interim: int,
    no_wait: bool,
) -> None:
    """Start the laboratory."""
    password = api_password_file.read().strip() if api_password_file else os.environ.get("TRUNKLINE_LAB_API_PASSWORD")
    try:
        status = control.up(
            home=home,
            api=api,
            api_user=api_user,
            api_password=password,
            interim_seconds=interim,
            wait=not no_wait,
            progress=click.echo,
        )
    except LabError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"up: {status.processes} processes, {status.memory_octets // 2**20} MiB")


@lab.command()
@click.option("--keep-logs", is_flag=True, help="Keep logs and accounting records; keys go all the same.")
@click.pass_obj
def down(home: Home, keep_logs: bool) -> None:
    """End the laboratory; nothing stays behind."""
    try:
        was_up = control.down(home=home, keep_logs=keep_logs)
    except LabError as error:
        raise click.ClickException(str(error)) from None
    click.echo("down" if was_up else "no laboratory was up")


@lab.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def status(home: Home, as_json: bool) -> None:
    """What runs, and how to reach it."""
    found = control.status(home=home).to_dict()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        if value not in ("", None, [], {}):
            click.echo(f"{name.replace('_', ' ')}: {value if isinstance(value, str | int) else json.dumps(value)}")


@lab.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("node")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, required=True)
@click.pass_obj
def execute(home: Home, node: str, argv: tuple[str, ...]) -> None:
    """Run a command on NODE: noc, a router or a host."""
    try:
        full = enter.command(node, argv, home=home)
    except LabError as error:
        raise click.ClickException(str(error)) from None
    sys.stdout.flush()
    os.execvp(full[0], full)  # noqa: S606 - no shell is wanted: the command takes this process' place


@lab.command("record")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.pass_obj
def record_sessions(home: Home, directory: Path) -> None:
    """Record accounting of real sessions into DIRECTORY (about a minute)."""
    try:
        count = record.record(directory, home=home, progress=click.echo)
    except LabError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{count} accounting requests in {directory}")


if __name__ == "__main__":
    lab()

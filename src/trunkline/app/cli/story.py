"""`trunkline story`: play the product's stories in throw-away installations."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from trunkline.app.stories.fixture import load
from trunkline.app.stories.run import STORIES, Outcome, play
from trunkline_lab.errors import LabError


@click.group()
def story() -> None:
    """Play the product's stories in throw-away installations, through the public API only."""


@story.command("list")
def list_() -> None:
    """Say which stories there are."""
    for name in STORIES:
        click.echo(f"{name}  {load(name).title}")


@story.command()
@click.argument("name", type=click.Choice(tuple(STORIES)))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every figure as the last line.")
@click.option("--lab", is_flag=True, help="Play on the laboratory's real network (root; see `trunkline lab`).")
@click.option(
    "--mutant",
    metavar="RULE",
    help="Switch one rule off (S1: proration, activation_date, double_feeding); the story must then fail.",
)
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Where the invoice goes."
)
@click.option("--keep", is_flag=True, help="Leave the installation's home in place afterwards.")
def run(name: str, as_json: bool, lab: bool, mutant: str | None, folder: Path, keep: bool) -> None:
    """Play the story NAME, as S1; ends with the figures and what the check of all invariants found."""
    console = Console(stderr=as_json)
    try:
        outcome = play(name, console, folder=folder.absolute(), mutant=mutant, keep=keep, lab=lab)
    except LabError as error:
        raise click.ClickException(f"{error}\nWithout --lab the story plays on a simulated access network.") from None
    _conclude(console, outcome)
    if as_json:
        click.echo(msgspec.json.encode(_object(outcome), enc_hook=_text).decode())
    sys.exit(0 if outcome.passed else 1)


def _conclude(console: Console, outcome: Outcome) -> None:
    for line in outcome.problems:
        console.print(f"[red]✗[/red] {line}", highlight=False)
    if outcome.passed:
        console.print(
            f"[bold green]{outcome.story} passed[/bold green]: {len(outcome.figures)} figures, all invariants hold"
        )
    else:
        console.print(f"[bold red]{outcome.story} failed[/bold red]")
    if "pdf" in outcome.figures:
        console.print(f"invoice: {outcome.figures['pdf']}", highlight=False, soft_wrap=True)


def _object(outcome: Outcome) -> dict[str, Any]:
    return {"story": outcome.story, "passed": outcome.passed, "problems": outcome.problems, **outcome.figures}


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value))

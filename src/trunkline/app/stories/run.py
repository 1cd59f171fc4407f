"""Plays a story in a throw-away installation and judges it: the figures of the fixture, then all invariants."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from trunkline.app.stories import s1
from trunkline.app.stories.client import Refused, TimedOut
from trunkline.app.stories.fixture import Fixture, differences, load
from trunkline.app.stories.installation import Installation, throw_away
from trunkline.app.stories.mutants import apply_mutant
from trunkline.app.stories.report import Report
from trunkline.app.stories.simulated import SimulatedAccess

STORIES = {"S1": "First line: from an order, over a real access line, to a bill"}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a story ended. `problems` are figures that differ and findings of the check; none means passed."""

    story: str
    passed: bool
    figures: dict[str, Any]
    problems: list[str]


def play(name: str, console: Console, *, folder: Path, mutant: str | None = None, keep: bool = False) -> Outcome:
    """Play a story from beginning to end. Raises what keeps it from being played at all."""
    fixture = load(name)
    if mutant is not None:
        fixture = apply_mutant(fixture, mutant)
    folder.mkdir(parents=True, exist_ok=True)
    report = Report(console, f"{fixture.story}: {fixture.title}", s1.STEPS)
    with throw_away(fixture.values["clock"]["start"].isoformat(), keep=keep) as installation:
        if keep:
            console.print(f"home: {installation.home}", highlight=False)
        problems = play_in(installation, fixture, report, folder)
    return Outcome(story=name, passed=not problems, figures=report.figures, problems=problems)


def play_in(
    installation: Installation,
    fixture: Fixture,
    report: Report,
    folder: Path,
    *,
    check: bool = True,
    before_check: Callable[[], None] = lambda: None,
) -> list[str]:
    """Play in an installation that runs; returns what is wrong at the end: figures, then findings of the check."""
    operator, network = installation.operator(), installation.network()
    first_day = datetime.fromisoformat(str(fixture.values["clock"]["installed_at"])).replace(hour=8, minute=0, second=0)
    access = SimulatedAccess(network, first_day)
    try:
        s1.StoryS1(operator, fixture, access, report, folder).play()
    except (Refused, TimedOut, AssertionError) as error:
        return [f"{type(error).__name__}: {error}"]
    finally:
        operator.close()
        network.close()
    problems = differences(fixture.expect, report.figures)
    before_check()
    return [*problems, *_checked(installation, report)] if check else problems


def _checked(installation: Installation, report: Report) -> list[str]:
    """The invariants, by the command that everyone uses."""
    checked = installation.command("check", "--json")
    lines = checked.stdout.strip().splitlines()
    if checked.returncode == 0:
        report.say("trunkline check: all invariants hold")
        return []
    return [f"trunkline check: {lines[-1] if lines else checked.stderr.strip()[-500:]}"]

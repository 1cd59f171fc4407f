"""Plays a story in a throw-away installation and judges it: the figures of the fixture, then all invariants."""

import contextlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from trunkline.app.stories import s1
from trunkline.app.stories.client import ApiClient, Refused, TimedOut
from trunkline.app.stories.fixture import Fixture, differences, load
from trunkline.app.stories.installation import Installation, throw_away
from trunkline.app.stories.laboratory import LaboratoryAccess, laboratory, on_laboratory, prepare
from trunkline.app.stories.mutants import apply_mutant
from trunkline.app.stories.report import Report
from trunkline.app.stories.simulated import SimulatedAccess
from trunkline_lab.errors import LabError
from trunkline_lab.home import Home

STORIES = {"S1": "First line: from an order, over a real access line, to a bill"}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a story ended. `problems` are figures that differ and findings of the check; none means passed."""

    story: str
    passed: bool
    figures: dict[str, Any]
    problems: list[str]


def play(
    name: str, console: Console, *, folder: Path, mutant: str | None = None, keep: bool = False, lab: bool = False
) -> Outcome:
    """Play a story from beginning to end; with `lab` on a laboratory of its own. Raises what keeps it from being played
    at all, LabError included."""
    fixture = load(name)
    if mutant is not None:
        fixture = apply_mutant(fixture, mutant)
    folder.mkdir(parents=True, exist_ok=True)
    report = Report(console, f"{fixture.story}: {fixture.title}", s1.STEPS)
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(laboratory(report.say, keep=keep)) if lab else None
        installation = stack.enter_context(throw_away(fixture.values["clock"]["start"].isoformat(), keep=keep))
        if keep:
            console.print(f"home: {installation.home}{f', laboratory: {home.root}' if home else ''}", highlight=False)
        problems = play_in(installation, fixture, report, folder, home=home)
    return Outcome(story=name, passed=not problems, figures=report.figures, problems=problems)


def play_in(
    installation: Installation,
    fixture: Fixture,
    report: Report,
    folder: Path,
    *,
    home: Home | None = None,
    check: bool = True,
    before_check: Callable[[], None] = lambda: None,
) -> list[str]:
    """Play in an installation that runs; returns what is wrong at the end: figures, then findings of the check.

    home    of the laboratory that is the access network, in which installation and caller must be; else it is simulated
    """
    operator, network = installation.operator(), installation.network()
    try:
        if home is not None:
            fixture = on_laboratory(fixture)
            prepare(installation, operator, home)
        access = _access(fixture, network, report, home)
        s1.StoryS1(operator, fixture, access, report, folder).play()
        problems = differences(access.expected(fixture), report.figures)
    except (Refused, TimedOut, AssertionError, LabError) as error:
        return [f"{type(error).__name__}: {error}"]
    finally:
        operator.close()
        network.close()
    before_check()
    return [*problems, *_checked(installation, report)] if check else problems


def _access(fixture: Fixture, network: ApiClient, report: Report, home: Home | None) -> s1.AccessNetwork:
    if home is not None:
        return LaboratoryAccess(network, home, report, repeat_as_new=bool(fixture.values.get("feed_as_new")))
    installed_at = datetime.fromisoformat(str(fixture.values["clock"]["installed_at"]))
    return SimulatedAccess(network, installed_at.replace(hour=8, minute=0, second=0))


def _checked(installation: Installation, report: Report) -> list[str]:
    """The invariants, by the command that everyone uses."""
    checked = installation.command("check", "--json")
    lines = checked.stdout.strip().splitlines()
    if checked.returncode == 0:
        report.say("trunkline check: all invariants hold")
        return []
    return [f"trunkline check: {lines[-1] if lines else checked.stderr.strip()[-500:]}"]

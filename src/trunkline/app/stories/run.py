"""Plays a story in a throw-away installation and judges it: the figures of the fixture, then all invariants."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from trunkline.app.stories import s1
from trunkline.app.stories.access import AccessNetwork
from trunkline.app.stories.client import Refused, TimedOut
from trunkline.app.stories.fixture import Fixture, differences, load
from trunkline.app.stories.installation import Installation, throw_away
from trunkline.app.stories.laboratory import installation_beside, laboratory, on_laboratory
from trunkline.app.stories.laboratory_access import LaboratoryAccess
from trunkline.app.stories.report import Report
from trunkline.app.stories.scene import Scene, Step
from trunkline.app.stories.simulated import SimulatedAccess
from trunkline_lab.errors import LabError
from trunkline_lab.home import Home

STORIES: Mapping[str, Sequence[Step]] = {"S1": s1.STEPS}


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
        fixture = fixture.with_mutant(mutant)
    folder.mkdir(parents=True, exist_ok=True)
    report = Report(console, f"{fixture.story}: {fixture.title}", len(STORIES[name]))
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(laboratory(report.say, keep=keep)) if lab else None
        start = fixture.values["clock"]["start"].isoformat()
        beside = throw_away(start, keep=keep) if home is None else installation_beside(home, start, keep=keep)
        installation = stack.enter_context(beside)
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

    home    of the laboratory that is the access network, beside which the installation was started; else it is simulated
    """
    operator, network = installation.operator(), installation.network()
    try:
        access: AccessNetwork = SimulatedAccess(network)
        if home is not None:
            fixture = on_laboratory(fixture)
            again = bool(fixture.values.get("feed_as_new"))
            access = LaboratoryAccess(operator, network, home, report, repeat_as_new=again)
        for path, change in fixture.values.get("policies", {}).items():  # a mutant's
            operator.patch(path, change)
        scene = Scene(operator, fixture, access, report, folder)
        for step in STORIES[fixture.story]:
            step(scene)
        problems = differences(access.expected(fixture), report.figures)
    except (Refused, TimedOut, AssertionError, LabError) as error:
        return [f"{type(error).__name__}: {error}"]
    finally:
        operator.close()
        network.close()
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

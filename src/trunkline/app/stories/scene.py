"""What the steps of a story work with, and how they follow what the installation does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trunkline.app.stories.access import AccessNetwork
from trunkline.app.stories.client import ApiClient
from trunkline.app.stories.fixture import Fixture
from trunkline.app.stories.report import Report


class Scene:
    """One run of a story.

    api      the public API with the operator's key
    values   the fixture's inputs
    access   the access network, simulated or real
    report   shows progress, keeps the figures
    folder   where files for people go
    ids      name → id of what steps made, for the steps after them
    """

    def __init__(self, api: ApiClient, fixture: Fixture, access: AccessNetwork, report: Report, folder: Path) -> None:
        self.api = api
        self.values = fixture.values
        self.access = access
        self.report = report
        self.folder = folder
        self.ids: dict[str, str] = {}

    def move_clock(self, name: str) -> None:
        """Move the installation's clock to an instant of the fixture's `clock`."""
        self.api.post("/trunkline/v1/clock", {"now": self.values["clock"][name].isoformat()})

    def finished(self, what: str, job_id: str) -> dict[str, Any]:
        """Wait for a job; it as it ended. Raises AssertionError when it failed, TimedOut."""

        def look() -> dict[str, Any] | None:
            job: dict[str, Any] = self.api.get(f"/trunkline/v1/job/{job_id}")
            if job["state"] in ("failed", "cancelled"):
                raise AssertionError(f"the job {job['kind']} {job['state']}: {job}")
            return job if job["state"] == "completed" else None

        return self.api.wait(what, look)

    def every(self, path: str, **query: str) -> list[dict[str, Any]]:
        """All records of a list, page by page, in the order of their ids."""
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            page = self.api.get(path, limit=str(_PAGE), **query, **after)
            found += page
            if len(page) < _PAGE:
                return found
            after = {"after": page[-1]["id"]}


Step = Callable[[Scene], None]
"""A step of a story: begins with `scene.report.step(…)`, calls the API, leaves figures in the report and ids in the scene.
Raises AssertionError for what must not be."""

_PAGE = 500

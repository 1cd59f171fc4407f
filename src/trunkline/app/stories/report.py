"""What a story says as it goes: steps with their figures, for a terminal or as the lines of a log."""

from typing import Any

from rich.console import Console


class Report:
    """Collects figures and shows progress. `figures` become the JSON object at the end."""

    def __init__(self, console: Console, title: str, steps: int) -> None:
        self._console = console
        self._steps = steps
        self._step = 0
        self.figures: dict[str, Any] = {}
        console.print(f"[bold]{title}[/bold]")

    def step(self, text: str) -> None:
        """Begin the next step."""
        self._step += 1
        self._console.print(f"[cyan][{self._step}/{self._steps}][/cyan] {text}")

    def say(self, text: str) -> None:
        """Something that happened in the step."""
        self._console.print(f"      {text}", highlight=False)

    def figure(self, name: str, value: Any, text: str | None = None) -> None:
        """A computed figure; shown when it has a text."""
        self.figures[name] = value
        if text:
            self.say(text)

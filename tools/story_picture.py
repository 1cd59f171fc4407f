"""Draws what `trunkline story run NAME` prints, as docs/pictures/story-<name>.svg: `python -m tools.story_picture S1`."""

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

WIDTH = 104
PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
THEME = TerminalTheme(
    (250, 250, 248),
    (36, 41, 47),
    [
        (36, 41, 47),
        (190, 40, 40),
        (30, 125, 60),
        (150, 105, 0),
        (20, 90, 170),
        (130, 70, 150),
        (0, 110, 130),
        (90, 96, 102),
    ],
)
# rich's own frame fetches a font from a network; this one takes what the reader's machine has.
FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: {char_height}px;
  line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g></g></svg>
"""


def main() -> None:
    """Play the story and write the picture. Exits with the story's own status when it fails."""
    story = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "trunkline", "story", "run", story, "--folder", folder]
        environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
        played = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        if played.returncode:
            print(played.stdout)
            sys.exit(played.returncode)
        said = played.stdout.replace(f"{folder}/", "").strip()
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(f"$ trunkline story run {story}", highlight=False)
    console.print(Text.from_ansi(said))
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / f"story-{story.lower()}.svg"
    drawn = console.export_svg(title=f"trunkline story run {story}", theme=THEME, code_format=FRAME, unique_id="story")
    picture.write_text(drawn, "utf-8")
    print(picture.relative_to(Path.cwd()))


if __name__ == "__main__":
    main()

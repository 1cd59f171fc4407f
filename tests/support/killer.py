"""Kills -9 the processes of a throw-away installation."""

import os
import random
import signal
import threading

from trunkline.app.processes import read_running
from trunkline.app.stories.installation import Installation


class Killer(threading.Thread):
    """Kills -9 one process of the installation after another, at random moments, until told to stop."""

    def __init__(self, installation: Installation, seed: int, kills: int) -> None:
        super().__init__(daemon=True)
        self._installation = installation
        self._random = random.Random(seed)
        self._kills = kills
        self._stop_wanted = threading.Event()
        self.killed: list[str] = []

    def run(self) -> None:
        for _ in range(self._kills):
            if self._stop_wanted.wait(self._random.uniform(0.05, 1.2)):
                return
            running = read_running(self._installation.home)
            if running is None:
                continue
            name = self._random.choice(sorted(running.processes))
            try:
                os.kill(running.processes[name], signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.killed.append(name)

    def stop(self) -> None:
        self._stop_wanted.set()
        self.join(10)

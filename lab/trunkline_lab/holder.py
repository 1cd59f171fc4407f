"""Process 1 of the laboratory's private namespaces: builds the network, then keeps it.

Run by `control.up` under `unshare --net --mount --pid`. When this process ends, the kernel ends every other
process of the laboratory and takes its namespaces and cables down: that is the whole of the clean-up.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from trunkline_lab import nodes, pki, topology, wiring
from trunkline_lab.home import Home


def main(root: str) -> NoReturn:
    """Build the laboratory whose home is `root`, and stay until ended."""
    home = Home.find(root)
    settings = json.loads(home.settings_file.read_text())
    signal.signal(signal.SIGTERM, _end)
    started = time.monotonic()
    timings: dict[str, float] = {}

    def step(name: str, text: str) -> None:
        timings[name] = round(time.monotonic() - started, 2)
        with home.progress_file.open("a") as file:
            file.write(text + "\n")

    _private_names()
    pki.make_ssh_keys(home)
    step("keys", "wiring: namespaces, cables, addresses")
    wiring.wire()
    step("wired", f"starting {len(topology.ROUTERS)} routers, {len(topology.HOSTS)} hosts, FreeRADIUS")
    starting = {
        router.name: nodes.start_router(home, router, interim_seconds=settings["interim_seconds"])
        for router in topology.ROUTERS.values()
    }
    starting |= {name: nodes.start_host(home, name) for name in topology.HOSTS}
    nodes.place_radius(home, settings["api"])
    radius = nodes.start_radius(home)
    failed = [name for name, process in starting.items() if process.wait() != 0]
    if radius.poll() is not None or not nodes.radius_answers(home):
        failed.append("noc")
    step("started", "all daemons started" if not failed else f"failed to start: {', '.join(failed)}")
    ready = home.ready_file.with_suffix(".new")
    ready.write_text(json.dumps({"timings": timings, "failed": failed}))
    ready.rename(home.ready_file)
    _reap({radius.pid: "freeradius"})


def _private_names() -> None:
    """`ip netns` keeps names in /run/netns: a private one, so that laboratories never meet."""
    Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/netns"], check=True)


def _reap(children: dict[int, str]) -> NoReturn:
    """Wait for orphans, as process 1 must, and say when a server of ours has ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            time.sleep(0.5)
            continue
        if pid in children:
            print(f"{children[pid]} ended, status {os.waitstatus_to_exitcode(status)}", flush=True)


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1])

"""A laboratory and an installation for one story: started, made known to each other, gone at the end."""

import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import msgspec

from trunkline.adapters.radius.nas import FILE as ACCESS_SERVERS
from trunkline.app.demo.load import operator as demo_data
from trunkline.app.place import NETWORK_KEY_FILE
from trunkline.app.stories.client import POOLS, RESOURCES, SITES, ApiClient
from trunkline.app.stories.fixture import Fixture
from trunkline.app.stories.installation import Installation, throw_away
from trunkline_lab import control, topology
from trunkline_lab.home import Home

HOME_GATEWAY = "cpe1"
ACCESS_GATEWAY = "bng"
INTERIM_S = 3
_PATHS = {"resource": f"{RESOURCES}/resource", "resourcePool": f"{POOLS}/resourcePool"}


@contextlib.contextmanager
def laboratory(progress: Callable[[str], None], *, keep: bool = False) -> Iterator[Home]:
    """Start a laboratory of the story's own and move this thread's network into its NOC; all is over at the end.

    An installation that is started meanwhile lives there too, in reach of FreeRADIUS, Kea and the gateway.
    keep    leave logs and accounting records. Raises LabError.
    """
    home = Home(Path(tempfile.mkdtemp(prefix="trunkline-lab-")) / "home")
    before = signal.signal(signal.SIGTERM, _terminate)  # a story that is ended must not leave a network behind
    try:
        control.up(home=home, interim_seconds=INTERIM_S, progress=progress)
        with control.inside("noc", home=home):
            yield home
    finally:
        control.down(home=home, keep_logs=keep)
        if not keep:
            home.root.parent.rmdir()
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def installation_beside(home: Home, clock_start: str, *, keep: bool = False) -> Iterator[Installation]:
    """A throw-away installation that knows the laboratory's gateway, and whom its FreeRADIUS asks.

    The caller must be `laboratory`'s. Raises LabError and what `throw_away` raises.
    """
    with throw_away(clock_start, files={ACCESS_SERVERS: _access_servers()}, keep=keep) as installation:
        key = (installation.home / NETWORK_KEY_FILE).read_text("utf-8").strip()
        control.set_api(installation.url, api_user=key.split("_")[1], api_password=key, home=home)
        operator = installation.operator()
        try:
            _place_network(operator)
        finally:
            operator.close()
        yield installation


def on_laboratory(fixture: Fixture) -> Fixture:
    """The fixture with the device that the technician really connects."""
    install = {**fixture.values["install"], "hardware_address": topology.mac_address(HOME_GATEWAY)}
    return msgspec.structs.replace(fixture, values={**fixture.values, "install": install})


def _access_servers() -> str:
    """The installation's list of access servers: the gateway takes Disconnect and CoA."""
    return (
        f'[[nas]]\nname = "{ACCESS_GATEWAY}"\naddress = "{topology.ROUTERS[ACCESS_GATEWAY].management}"\n'
        f'port = {topology.COA_PORT}\nsecret = "{topology.RADIUS_SECRET}"\n'
    )


def _place_network(operator: ApiClient) -> None:
    """Load the gateway, its ports and the site it serves, as an operator would: over the API."""
    data = demo_data("lab.json")
    for entry in data["documents"]:
        operator.post(_PATHS[entry["resource"]], entry["document"])
    for pool, values in data["poolMembers"].items():
        operator.post(f"/trunkline/v1/resourcePool/{pool}/member", {"value": values})
    for site, access in data["servingAccess"].items():
        operator.patch(f"{SITES}/geographicSite/{site}", {"servingAccess": access})


def _terminate(_signal: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)

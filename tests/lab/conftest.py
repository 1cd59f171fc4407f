"""One laboratory for all tests of this directory, and the stand-in that answers its FreeRADIUS."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from trunkline_lab import bng, control, cpe, topology
from trunkline_lab.control import Status
from trunkline_lab.enter import missing_programs
from trunkline_lab.home import Home
from trunkline_lab.stand_in import StandIn, Subscriber

# Not a plausible word of any log: a test looks for it where it must not be.
API_PASSWORD = "kQ9.zX~laboratory-secret_7/+="
PREFIX = "/tenants/acme"


@dataclass(frozen=True)
class Laboratory:
    home: Home
    status: Status
    up_seconds: float


def why_not() -> str | None:
    """Why the laboratory cannot run here."""
    if os.geteuid() != 0:
        return "the laboratory needs root"
    missing = missing_programs()
    return f"not installed: {', '.join(missing)}; run lab/install.sh" if missing else None


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    reason = why_not()
    if reason and os.environ.get("CI"):
        pytest.fail(f"CI must run the laboratory: {reason}")
    if reason:
        pytest.skip(reason)
    home = Home(tmp_path_factory.mktemp("laboratory") / "home")
    begun = time.monotonic()
    status = control.up(
        home=home,
        api=f"http://127.0.0.1:8088{PREFIX}",
        api_user="key-1",
        api_password=API_PASSWORD,
        interim_seconds=2,
    )
    try:
        yield Laboratory(home, status, time.monotonic() - begun)
    finally:
        control.down(home=home)


@pytest.fixture
def platform(laboratory: Laboratory) -> Iterator[StandIn]:
    """A fresh stand-in that knows alice and bob; every session is over when the test is."""
    platform = StandIn(home=laboratory.home, prefix=PREFIX)
    platform.credentials = ("key-1", API_PASSWORD)
    platform.subscribers = {
        "alice": Subscriber('a 100% "word" \\ %{User-Name}', "100.64.1.10"),
        "bob@example.net": Subscriber("bob-password", "100.64.1.11"),
    }
    try:
        yield platform
    finally:
        for gateway in topology.HOME_GATEWAYS:
            cpe.disconnect(gateway=gateway, home=laboratory.home)
        for user in platform.subscribers:
            bng.clear_rate(user, home=laboratory.home)
        platform.close()

"""The platform that FreeRADIUS asks: its address, and the key that is shown to it."""

import json
import re
import time

from trunkline_lab import nodes
from trunkline_lab.enter import run
from trunkline_lab.errors import LabError
from trunkline_lab.home import Home
from trunkline_lab.templates import place

DEFAULT_API = "http://127.0.0.1:8088"
RESTART_SECONDS_MAX = 20.0
# FreeRADIUS expands %, $ and backslashes in strings: a credential must not contain what it would change.
_CREDENTIAL = re.compile(r"[A-Za-z0-9._~+/=@!*,;:-]{1,253}")


def set_api(
    api: str = DEFAULT_API, *, api_user: str | None = None, api_password: str | None = None, home: Home | None = None
) -> None:
    """Let a running laboratory's FreeRADIUS ask another platform, or show it another key; only FreeRADIUS restarts.

    For a platform whose key exists only once it runs in the laboratory. Arguments as of `control.up`. Raises NotUp,
    and LabError when FreeRADIUS does not come back.
    """
    home = home or Home.find()
    shown = credentials(api, api_user, api_password)
    directory = home.node("noc")
    place("api.conf", directory / "api.conf", home, 0o600, **shown)
    nodes.place_radius(home, api.rstrip("/"))
    settings = json.loads(home.settings_file.read_text())
    home.settings_file.write_text(json.dumps({**settings, "api": api.rstrip("/")}))
    again = f"""
        cd {directory}
        old=$(cat freeradius.pid)
        kill "$old"
        for _ in $(seq 100); do kill -0 "$old" 2>/dev/null || break; sleep 0.05; done
        setsid freeradius -d {directory} -n radiusd -f </dev/null >>freeradius.out 2>&1 &
        echo $! >freeradius.pid
    """
    run("noc", ["bash", "-c", again], home=home)
    deadline = time.monotonic() + RESTART_SECONDS_MAX
    ask = ["radclient", "-r", "1", "-t", "1", "-S", str(directory / "secret"), "127.0.0.1:1812", "status"]
    while "Access-Accept" not in run("noc", ask, home=home, stdin="Message-Authenticator = 0x00\n", check=False).stdout:
        if time.monotonic() > deadline:
            said = (directory / "freeradius.out").read_text()[-600:]
            raise LabError(f"FreeRADIUS did not come back: {said}", f"See {directory}.")
        time.sleep(0.1)


def credentials(api: str, user: str | None, password: str | None) -> dict[str, str]:
    """What `api.conf` says of the platform. Raises LabError for what FreeRADIUS could not use."""
    if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?", api):
        raise LabError(
            f"{api!r} is not an address FreeRADIUS can ask.", "Such as http://127.0.0.1:8088, or with a path."
        )
    if bool(user) != bool(password):
        raise LabError(
            "FreeRADIUS needs both a user and a password for the API, or neither.",
            "Give --api-user, and the password by --api-password-file or TRUNKLINE_LAB_API_PASSWORD.",
        )
    for name, text in (("user", user), ("password", password)):
        if text and not _CREDENTIAL.fullmatch(text):
            raise LabError(
                f"The API {name} has characters FreeRADIUS would change.", "Use letters, digits and ._~+/=@!*,;:-"
            )
    if user and ":" in user:
        raise LabError("The API user must not contain ':'.", "HTTP basic authentication splits there (RFC 7617).")
    return {"AUTH": "basic" if user else "none", "USER": user or "", "PASSWORD": password or ""}

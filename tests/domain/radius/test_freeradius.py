"""A real FreeRADIUS, with the laboratory's own configuration, asks a real HTTP server of ours; radclient is the access
server. Runs wherever FreeRADIUS with rlm_rest is installed; needs no root."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import uvicorn

from tests.support.installation import Installation
from trunkline.oss.activation import aaa

MODULE = Path("/usr/lib/freeradius/rlm_rest.so")
PROGRAM = shutil.which("freeradius") or shutil.which("radiusd")
CONFIGURATION = Path(__file__).parents[3] / "lab" / "conf"
SECRET = "testing"
pytestmark = pytest.mark.skipif(
    PROGRAM is None or not MODULE.exists() or shutil.which("radclient") is None,
    reason="FreeRADIUS with rlm_rest and radclient is not installed (lab/install.sh)",
)


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class FreeRadius:
    """The running server's ports, and radclient beside it."""

    def __init__(self) -> None:
        self.auth = free_port(socket.SOCK_DGRAM)
        self.acct = free_port(socket.SOCK_DGRAM)

    async def send(self, kind: str, attributes: Mapping[str, str | int], tries: int = 1) -> str:
        """Send a request with radclient; its output, "" when nobody answered."""
        port = self.auth if kind == "auth" else self.acct
        sent = "".join(f'{name.replace("_", "-")} = "{value}"\n' for name, value in attributes.items())
        client = await asyncio.create_subprocess_exec(
            *("radclient", "-x", "-r", str(tries), "-t", "2", f"127.0.0.1:{port}", kind, SECRET),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output = (await client.communicate(sent.encode()))[0].decode()
        return output[output.index("Received") :] if "Received" in output else ""


def configure(folder: Path, server: FreeRadius, api: str, login: str, password: str) -> None:
    text = (CONFIGURATION / "radiusd.conf").read_text()
    values = {"D": str(folder), "API": api, "SECRET": SECRET, "MANAGEMENT": "192.0.2"}
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    assert "port = 1812" in text
    text = text.replace("port = 1812", f"port = {server.auth}").replace("port = 1813", f"port = {server.acct}")
    (folder / "radiusd.conf").write_text(text.replace("ipaddr = *", "ipaddr = 127.0.0.1"))
    credentials = (CONFIGURATION / "api.conf").read_text()
    for name, value in {"AUTH": "basic", "USER": login, "PASSWORD": password}.items():
        credentials = credentials.replace(f"@{name}@", value)
    (folder / "api.conf").write_text(credentials)


@pytest.fixture
async def radius(served: Installation, tmp_path: Path) -> AsyncIterator[FreeRadius]:
    key = await served.make_key(["radius:*"])
    port = free_port(socket.SOCK_STREAM)
    api = uvicorn.Server(uvicorn.Config(served.router, host="127.0.0.1", port=port, lifespan="off", log_level="error"))
    serving = asyncio.create_task(api.serve())
    folder = tmp_path / "radius"
    folder.mkdir()
    server = FreeRadius()
    configure(folder, server, f"http://127.0.0.1:{port}", key.id, key.key)
    assert PROGRAM is not None
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "-d", str(folder), "-n", "radiusd", "-f", "-l", str(folder / "said")),
        env={**os.environ, "LC_ALL": "C"},
    )
    try:
        for _ in range(100):
            if "Received" in await server.send("auth", {"User-Name": "nobody", "User-Password": "x"}):
                break
            assert process.returncode is None, (folder / "said").read_text()
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        api.should_exit = True
        await serving


async def test_let_in_and_kept_out(served: Installation, radius: FreeRadius) -> None:
    accepted = await radius.send(
        "auth", {"User-Name": "alice", "User-Password": "s3cret wörd", "NAS-Identifier": "bng"}
    )
    assert "Access-Accept" in accepted
    for attribute in (
        "Framed-IP-Address = 100.64.1.10",
        'Mikrotik-Rate-Limit = "250000k/500000k"',
        "Session-Timeout = 3600",
    ):
        assert attribute in accepted
    by_challenge = await radius.send(
        "auth", {"User-Name": "alice", "CHAP-Password": "s3cret wörd", "NAS-Identifier": "other"}
    )
    assert "Access-Accept" in by_challenge
    assert "WISPr-Bandwidth-Max-Down = 500000000" in by_challenge
    assert "Access-Reject" in await radius.send("auth", {"User-Name": "alice", "User-Password": "wrong"})
    assert "Access-Reject" in await radius.send("auth", {"User-Name": "nobody", "User-Password": "s3cret wörd"})
    async with served.database.unit_of_work() as uow:
        await aaa.set_state(uow, "alice", aaa.SubscriberState.SUSPENDED, served.context)
    assert "Access-Reject" in await radius.send("auth", {"User-Name": "alice", "User-Password": "s3cret wörd"})


async def test_a_session_is_counted_and_a_repeated_stop_is_not(served: Installation, radius: FreeRadius) -> None:
    session: dict[str, str | int] = {"User-Name": "alice", "NAS-Identifier": "bng", "Acct-Session-Id": "A1"}
    records: list[dict[str, str | int]] = [
        {"Acct-Status-Type": "Start", "Event-Timestamp": 1_795_409_906},
        {
            "Acct-Status-Type": "Interim-Update",
            "Event-Timestamp": 1_795_410_206,
            "Acct-Session-Time": 300,
            "Acct-Output-Octets": 5,
            "Acct-Output-Gigawords": 1,
        },
        {
            "Acct-Status-Type": "Stop",
            "Event-Timestamp": 1_795_410_506,
            "Acct-Session-Time": 600,
            "Acct-Output-Octets": 7,
            "Acct-Output-Gigawords": 1,
        },
    ]
    restart: dict[str, str | int] = {"Acct-Status-Type": "Accounting-On"}
    for record in [*records, records[-1], restart]:
        assert "Accounting-Response" in await radius.send("acct", session | record)
    async with served.database.read() as read:
        rows = await read.fetch(
            "select quantity, original_at from usage.raw_record where session_id is not null order by 2"
        )
        [stored] = await read.fetch("select input_octets + output_octets as octets, closed_by from usage.session")
    assert [(row["quantity"], int(row["original_at"].timestamp())) for row in rows] == [
        (0, 1_795_409_906),
        (2**32 + 5, 1_795_410_206),
        (2, 1_795_410_506),
    ]
    assert (stored["octets"], stored["closed_by"]) == (2**32 + 7, "stop")


async def test_a_record_that_cannot_be_stored_is_not_answered(served: Installation, radius: FreeRadius) -> None:
    """So that the access server repeats it; once the cause is gone it is taken, once."""
    record: dict[str, str | int] = {
        "Acct-Status-Type": "Interim-Update",
        "User-Name": "alice",
        "NAS-Identifier": "bng",
        "Acct-Session-Id": "A2",
        "Acct-Session-Time": 300,
        "Acct-Output-Octets": 1_000,
    }
    async with served.database.unit_of_work() as uow:
        await uow.execute("alter table usage.raw_record rename to raw_record_away")
    assert await radius.send("acct", record) == ""
    async with served.database.unit_of_work() as uow:
        await uow.execute("alter table usage.raw_record_away rename to raw_record")
    assert "Accounting-Response" in await radius.send("acct", record, tries=3)
    async with served.database.read() as read:
        assert [r["quantity"] for r in await read.fetch("select quantity from usage.raw_record")] == [1_000]

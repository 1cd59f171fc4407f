"""The embedded server's cluster: made once, configured at each start, never mixed up with another major version."""

import os
import shutil
import subprocess
from pathlib import Path

from trunkline.kernel.db.connecting import OLDEST_MAJOR
from trunkline.kernel.db.programs import Runner, major_version
from trunkline.kernel.errors import Precondition, Unavailable

DATABASE = "trunkline"
_SAID_LINES = 10
_BUFFERS_MB = (128, 1024)  # PostgreSQL's own default; what lists out of 500,000 rows were measured with
_BUFFERS_SHARE = 16  # of the machine's memory, which the server shares with Trunkline and much else
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_CONFIGURATION = """\
# Written by Trunkline at each start; put settings of your own into postgresql.conf after the include.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = {buffers}MB
huge_pages = off
work_mem = 16MB
maintenance_work_mem = 64MB
synchronous_commit = on
wal_compression = on
max_wal_size = 2GB
min_wal_size = 160MB
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off                            # compiling costs more than our short statements
max_parallel_workers_per_gather = 0  # short statements; and containers often have too little shared memory for it
lock_timeout = 30s
idle_in_transaction_session_timeout = 5min
autovacuum_naptime = 15s             # queues are small tables with many dead rows
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_lock_waits = on
log_checkpoints = off
"""


def create(data: Path, programs: Path, runner: Runner) -> None:
    """Make a cluster with the database `trunkline` and a superuser of the same name.

    Made beside the final place and renamed: a crash in between leaves nothing that looks like a cluster. Raises
    Unavailable with what the failing program said.
    """
    fresh = data.with_name(f"{data.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    runner.give(fresh)
    if major_version(programs) >= 17:
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    else:
        locale = ["--locale=C.UTF-8"]
    access = ["-U", DATABASE, "--auth-local=trust", "--auth-host=reject"]
    _run(programs / "initdb", ["-D", str(fresh), *access, "--encoding=UTF8", *locale, "--no-instructions"], runner)
    with (fresh / "postgresql.conf").open("a") as file:
        file.write("\ninclude 'trunkline.conf'\n")
    configure(fresh, runner)
    statement = f"create database {DATABASE};\n".encode()
    _run(programs / "postgres", ["--single", "-D", str(fresh), "postgres"], runner, statement)
    fresh.rename(data)


def configure(data: Path, runner: Runner) -> None:
    """Write our settings and see that everything belongs to the user the server runs as."""
    (data / "trunkline.conf").write_text(_CONFIGURATION.format(buffers=buffers_mb(_memory_mb())))
    (data / "trunkline.conf").chmod(0o644)
    runner.give(data)


def buffers_mb(memory_mb: int) -> int:
    """`shared_buffers` for a machine or container of this much memory, both in MiB."""
    least, most = _BUFFERS_MB
    return max(least, min(most, memory_mb // _BUFFERS_SHARE))


def check_version(data: Path, programs: Path) -> None:
    """Raises Precondition when the programs are too old, or of another major version than the cluster."""
    major, found = major_version(programs), int((data / "PG_VERSION").read_text())
    if major < OLDEST_MAJOR:
        raise Precondition(
            "postgresTooOld",
            f"The programs in {programs} are PostgreSQL {major}; {OLDEST_MAJOR} or newer is needed.",
            message="Unset PG_BIN to use the one that Trunkline brings.",
        )
    if major != found:
        raise Precondition(
            "otherMajorVersion",
            f"The data in {data} are of PostgreSQL {found}, but the programs in {programs} are of {major}.",
            message=f"Nothing was changed. Make a backup with the programs of PostgreSQL {found} "
            f"(PG_BIN=/path/to/{found}/bin trunkline backup), then restore it into a new TRUNKLINE_HOME.",
        )


def _memory_mb() -> int:
    """Memory of the machine, or of the container when that has less; 0 when the system does not tell."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return 0
    limit = _CGROUP_LIMIT.read_text().strip() if _CGROUP_LIMIT.is_file() else ""
    return min(whole, int(limit) if limit.isdigit() else whole) >> 20


def _run(program: Path, words: list[str], runner: Runner, given: bytes = b"") -> None:
    done = subprocess.run(
        runner.arguments([program, *words]),
        input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **runner.options(),
    )  # fmt: skip
    if done.returncode != 0:
        raise Unavailable(
            "postgresNotCreated",
            f"{program.name} failed with {' '.join(words)}.",
            message="It said:\n" + "\n".join(done.stdout.decode(errors="replace").splitlines()[-_SAID_LINES:]),
        )

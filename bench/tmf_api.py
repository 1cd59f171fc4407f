"""What a list and a create cost over HTTP, beside pgbench running the same SQL, and how much memory an installation takes.

    python -m bench.tmf_api [--rows N] [--rounds N] [--seconds S]     N rows of products, 50000 if not given

Everything runs on an embedded PostgreSQL of its own: a real `trunkline up` for the memory at rest, then a real
`trunkline serve` as one process, driven by bench.support.http_load over eight connections. The list is the products of one
customer: 20 records of 1.6 kB out of N, found by the token index, counted, sorted by id, with a different customer each
time. pgbench runs the statement that the record engine itself makes for that list, prepared, on as many connections; it
and the server take turns, so that whatever else the machine does falls on both. The create is an individual of 1.6 kB:
checked, stored, indexed, audited, its event in the outbox, committed to disk. For the scale a second server stands on a
database of 1,000 products; the two take turns on one connection.
Nothing is pinned to a core. `list_cpu_us` and `create_cpu_us` are the processor time that the serving process spent on a
request: 1,000,000 divided by it is what one core of its own would serve.
"""

import argparse
import asyncio
import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from bench.support.http_load import Outcome
from bench.support.serving import CONNECTIONS, Serving, await_ready, environment, free_port, machine, rss_mb, serving
from bench.support.tmf_records import PRODUCTS_EACH, TENANT, individual, load_products, octets, owners_of, product
from trunkline.app.migrate import upgrade
from trunkline.app.prepare import prepare
from trunkline.app.processes import read_running
from trunkline.app.settings import Settings
from trunkline.bss.party.resources import individuals
from trunkline.bss.product_inventory.resources import products
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession
from trunkline.kernel.db.cluster import DATABASE
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.db.programs import Runner
from trunkline.kernel.tmf.document import encode
from trunkline.kernel.tmf.query import parse

SMALL_ROWS = 1_000
FILTER = "relatedParty.partyOrPartyRole.id"


def at_rest(home: Path) -> dict[str, float]:
    """Memory of a demo installation that nobody uses, in MB by process; PostgreSQL is not in it. Makes the home."""
    port = free_port()
    variables = environment(home, port, None)
    with (home / "up.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "trunkline", "up"], env=variables, stdout=log, stderr=log)
    try:
        await_ready(process, port, home / "up.log")
        time.sleep(5)
        running = read_running(home)
        assert running is not None
        pids = {"supervisor": running.pid} | {n: pid for n, pid in running.processes.items() if n != "postgres"}
        return {name: rss_mb(pid) for name, pid in pids.items()}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def same_sql(owner: str) -> tuple[str, list[Any]]:
    """The statement and parameters with which the record engine reads one customer's list."""
    seen: list[tuple[str, list[Any]]] = []

    class Seeing(ReadSession):
        def __init__(self) -> None:
            pass

        async def fetch(self, sql: str, *args: Any) -> list[Any]:
            seen.append((sql, list(args)))
            return []

        async def fetch_value(self, _sql: str, *_args: Any) -> int:
            return 0

    context = Context(tenant=TENANT, actor="bench", channel="cli", now=_now(), correlation_id="bench")
    asyncio.run(products.page(Seeing(), parse(f"{FILTER}={owner}&limit={PRODUCTS_EACH}"), context))
    return seen[0]


def pgbench_script(rows: int) -> str:
    """The engine's statement with literals for its parameters, but the customer's token, which changes each time."""
    sql, values = same_sql("@owner")
    literals: list[str] = []
    for value in values:
        if isinstance(value, list):
            literals.append(f"array['{value[0].replace('@owner', '')}' || :owner]")
        else:
            literals.append(f"'{value}'" if isinstance(value, str) else str(value))
    last = 100_000 + max(1, rows // PRODUCTS_EACH) - 1
    text = re.sub(r"\$(\d+)", lambda found: literals[int(found[1]) - 1], sql)
    return f"\\set owner random(100000, {last})\n{text};\n"


def run_pgbench(server: EmbeddedServer, script: Path, seconds: float) -> float:
    """Transactions a second of pgbench on as many connections as the load generator has."""
    words: list[str | Path] = [server.programs / "pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2"]
    words += ["-T", str(max(1, round(seconds))), "-h", str(server.home / "run"), "-U", DATABASE, "-f", script, DATABASE]
    runner = Runner.here()
    done = subprocess.run(runner.arguments(words), capture_output=True, check=False, text=True, **runner.options())
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError((done.stdout + done.stderr)[-2000:])
    return float(found[1])


def measure(server: EmbeddedServer, big: Serving, small: Serving, options: argparse.Namespace) -> dict[str, Any]:
    """The turns: pgbench, list, create; then the list on one connection beside the small table's."""
    script = server.home / "run" / "list.sql"
    script.write_text(pgbench_script(options.rows))
    lists, small_lists = _lists(big, options.rows), _lists(small, SMALL_ROWS)
    creates = [big.request("POST", individuals.base_path, encode(individual(n))) for n in range(200)]
    peers: list[float] = []
    listed: list[tuple[Outcome, float]] = []
    created: list[tuple[Outcome, float]] = []
    scale: list[float] = []
    for part in (lists, creates):
        big.drive(part, 1)
    small.drive(small_lists, 1)
    for _ in range(options.rounds):
        peers.append(run_pgbench(server, script, options.seconds))
        listed.append(big.drive(lists, options.seconds))
        created.append(big.drive(creates, options.seconds))
        at_small = small.drive(small_lists, options.seconds / 2, 1)[0]
        scale.append(big.drive(lists, options.seconds / 2, 1)[0].p50_ms / at_small.p50_ms)
        print(f"pgbench {peers[-1]:.0f}/s, list {listed[-1][0].rate:.0f}/s, create {created[-1][0].rate:.0f}/s")
    rate = statistics.median(outcome.rate for outcome, _ in listed)
    p99_list = statistics.median(outcome.p99_ms for outcome, _ in listed)
    p99_create = statistics.median(outcome.p99_ms for outcome, _ in created)
    return {
        "list_rps": round(rate),
        "list_vs_pgbench": round(statistics.median(o.rate / p for (o, _), p in zip(listed, peers, strict=True)), 3),
        "pgbench_tps": round(statistics.median(peers)),
        "list_cpu_us": round(statistics.median(cpu for _, cpu in listed)),
        "list_octets": round(listed[0][0].body_octets),
        "create_rps": round(statistics.median(outcome.rate for outcome, _ in created)),
        "create_cpu_us": round(statistics.median(cpu for _, cpu in created)),
        "p99_ms": round(max(p99_list, p99_create), 1),
        "p99_list_ms": round(p99_list, 1),
        "p99_create_ms": round(p99_create, 1),
        f"row_{options.rows // 1000}k_ratio": round(statistics.median(scale), 2),
        "document_octets": [octets(product()), octets(individual(1))],
    }


def main() -> None:
    """Measure; the last line is one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="trunkline-bench-"))
    home, small_home = folder / "big", folder / "small"
    for path in (home, small_home):
        path.mkdir()
    server = EmbeddedServer(home)
    try:
        memory = at_rest(home)
        dsn = server.start()
        small_dsn = asyncio.run(_fill(dsn, small_home, options.rows))
        with serving(home, dsn) as big, serving(small_home, small_dsn) as small:
            figures = measure(server, big, small, options)
        print(json.dumps(figures | {"rss_mb": round(sum(memory.values())), "rss_by_process_mb": memory} | machine()))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _fill(dsn: str, small_home: Path, rows: int) -> str:
    """Load both databases; returns the DSN of the small one."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("create database small")
    await load_products(connection, rows)
    await connection.close()
    small_dsn = dsn.replace(f"/{DATABASE}?", "/small?")
    await asyncio.to_thread(upgrade, small_dsn)
    await prepare(Settings(home=small_home), small_dsn)
    connection = await asyncpg.connect(small_dsn)
    await load_products(connection, SMALL_ROWS)
    await connection.close()
    return small_dsn


def _lists(server: Serving, rows: int) -> list[str]:
    return [
        server.request("GET", f"{products.base_path}?{FILTER}={owner}&limit={PRODUCTS_EACH}")
        for owner in owners_of(rows, 2_000)
    ]


def _now() -> Any:
    return msgspec.convert("2026-06-01T09:00:00Z", datetime)


if __name__ == "__main__":
    main()

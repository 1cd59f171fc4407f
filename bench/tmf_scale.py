"""The record engine at scale: reading one, listing by index, creating, in both generations, beside FastAPI with pydantic.

    python -m bench.tmf_scale [--rows N] [--rounds N] [--seconds S]     N rows of products, 50000 if not given

One `trunkline serve` with all APIs, and one process of the peer (bench.support.fastapi_peer), take turns on one database
over eight connections. What is read is drawn evenly from all rows; the list is one customer's 20 products by the token
index. `v4_over_v5` is the processor time of the same answers in generation 4 by those in generation 5, minus one.
`vs_fastapi` is requests a second of processor time, theirs by ours, the smallest of the three; the engine also checks the
principal, counts, links, and writes audit entry and event, which the peer does not.
`import_per_s` is `trunkline import` of individuals of 1.6 kB out of NDJSON, each checked, indexed, audited, with its event;
`import_vs_copy` is that beside a bare binary COPY of the same documents into a table with nothing but a key.
"""

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg

from bench.support.http_load import Outcome
from bench.support.serving import Serving, await_ready, environment, free_port, machine, rss_mb
from bench.support.tmf_records import PRODUCTS_EACH, TENANT, individual, load_products, owners_of
from trunkline.app.migrate import upgrade
from trunkline.app.place import KEY_FILE
from trunkline.app.prepare import prepare
from trunkline.app.settings import Settings
from trunkline.bss.party.resources import individuals
from trunkline.bss.product_inventory.resources import products
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.tmf.apis import api_path
from trunkline.kernel.tmf.document import encode
from trunkline.kernel.transfer import Advance, ImportRequest, import_records, read_rows

IMPORTED = 20_000
FILTER = "relatedParty.partyOrPartyRole.id"
V4_FILTER = "relatedParty.id"
OLDER = f"{api_path('TMF637', 4)}/product"


@contextlib.contextmanager
def running(words: list[str], home: Path, port: int, dsn: str) -> Iterator[tuple[Serving, float]]:
    """A server as a process of its own, and how many seconds it took to be ready."""
    log, began = home / f"{port}.log", time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], env=environment(home, port, dsn), stdout=output, stderr=output
        )
    try:
        await_ready(process, port, log)
        yield Serving(process, port, (home / KEY_FILE).read_text().strip()), time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(30)


def jobs(ours: Serving, peer: Serving, rows: int) -> dict[str, tuple[Serving, list[str]]]:
    """What is measured, by name: the server and its requests."""
    draw = random.Random(7)
    ids = [f"01980000-0000-7000-8000-{draw.randrange(rows):012x}" for _ in range(2_000)]
    owners, bodies = owners_of(rows, 2_000), [encode(individual(n)) for n in range(200)]
    page = f"limit={PRODUCTS_EACH}"
    return {
        "read": (ours, [ours.request("GET", f"{products.base_path}/{id_}") for id_ in ids]),
        "read_v4": (ours, [ours.request("GET", f"{OLDER}/{id_}") for id_ in ids]),
        "read_peer": (peer, [peer.request("GET", f"/product/{id_}") for id_ in ids]),
        "list": (ours, [ours.request("GET", f"{products.base_path}?{FILTER}={owner}&{page}") for owner in owners]),
        "list_v4": (ours, [ours.request("GET", f"{OLDER}?{V4_FILTER}={owner}&{page}") for owner in owners]),
        "list_peer": (peer, [peer.request("GET", f"/product?owner={owner}&{page}") for owner in owners]),
        "create": (ours, [ours.request("POST", individuals.base_path, body) for body in bodies]),
        "create_peer": (peer, [peer.request("POST", "/individual", body) for body in bodies]),
    }


def measure(ours: Serving, peer: Serving, options: argparse.Namespace) -> dict[str, Any]:
    """All of it in turns; medians."""
    work = jobs(ours, peer, options.rows)
    for server, requests in work.values():
        server.drive(requests, 0.5)
    found: dict[str, list[tuple[Outcome, float]]] = {name: [] for name in work}
    for _ in range(options.rounds):
        for name, (server, requests) in work.items():
            found[name].append(server.drive(requests, options.seconds))
        print(", ".join(f"{name} {turns[-1][0].rate:.0f}/s {turns[-1][1]:.0f} us" for name, turns in found.items()))
    rates = {name: statistics.median(outcome.rate for outcome, _ in turns) for name, turns in found.items()}
    cpu = {name: statistics.median(cpu for _, cpu in turns) for name, turns in found.items()}
    older = max(cpu["read_v4"] / cpu["read"], cpu["list_v4"] / cpu["list"]) - 1
    beside = {name: cpu[f"{name}_peer"] / cpu[name] for name in ("read", "list", "create")}
    return {
        **{f"{name}_rps": round(rates[name]) for name in ("read", "list", "create")},
        **{f"{name}_rps_a_core": round(1e6 / cpu[name]) for name in ("read", "list", "create")},
        "v4_over_v5": round(older, 3),
        "vs_fastapi": round(min(beside.values()), 2),
        **{f"{name}_vs_fastapi": round(ratio, 2) for name, ratio in beside.items()},
        "worker_mb": rss_mb(ours.process.pid),
    }


async def imports(dsn: str, home: Path, count: int) -> dict[str, Any]:
    """Import so many individuals from a file, after a bare COPY of as many."""
    file = home / "individuals.ndjson"
    documents = [encode({"id": f"import-{n:08d}"} | individual(n)) for n in range(count)]
    file.write_bytes(b"".join(document + b"\n" for document in documents))
    connection = await asyncpg.connect(dsn)
    began = time.perf_counter()
    rows = [("bench", f"import-{n:08d}", document.decode()) for n, document in enumerate(documents)]
    await connection.copy_records_to_table("peer_individual", columns=["tenant", "id", "doc"], records=rows)
    bare = count / (time.perf_counter() - began)
    await connection.close()
    database = await Database.connect(dsn, max_size=2)
    context = Context(tenant=TENANT, actor="bench", channel="cli", now=database.clock.now(), correlation_id="bench")

    async def tell(_: Advance) -> None:
        pass

    began = time.perf_counter()
    with file.open("rb") as opened:
        request = ImportRequest(name=file.name, sha256="bench")
        lines = read_rows(opened, "ndjson", individuals.entity)
        report = await import_records(database, individuals, lines, request, context, tell)
    rate = count / (time.perf_counter() - began)
    await database.close()
    assert report.created == count
    return {"import_per_s": round(rate), "import_vs_copy": round(rate / bare, 3)}


async def _fill(dsn: str, home: Path, rows: int) -> None:
    await prepare(Settings(home=home), dsn)
    connection = await asyncpg.connect(dsn)
    await load_products(connection, rows)
    await connection.execute(
        "create table public.peer_individual(tenant text, id text, doc jsonb not null, primary key (tenant, id))"
    )
    await connection.close()


def main() -> None:
    """Measure; the last line is one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="trunkline-bench-"))
    server = EmbeddedServer(home)
    try:
        dsn = server.start()
        upgrade(dsn)
        asyncio.run(_fill(dsn, home, options.rows))
        ports = free_port(), free_port()
        peer_words = ["bench.support.fastapi_peer", dsn, str(ports[1])]
        with (
            running(["trunkline", "serve"], home, ports[0], dsn) as (ours, startup),
            running(peer_words, home, ports[1], dsn) as (peer, _),
        ):
            figures = measure(ours, peer, options)
        figures |= asyncio.run(imports(dsn, home, IMPORTED))
        print(json.dumps(figures | {"startup_s": round(startup, 2), "rows": options.rows} | machine()))
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()

"""How many plan steps a worker runs in a second, and how soon another takes over when it is killed.

    python -m bench.plan_steps [SECONDS]    SECONDS for the whole of it, 60 if not given

Each step is a task whose handler inserts one row, so its transaction holds an effect, the completion and the release of
the next step: one commit a step. Measured with claims of ten and of one; beside it, in the same run, a bare loop that
makes the same number of commits of one insert and one update each on as many connections (what pgbench would do).
Then two worker processes share the work, one is killed with SIGKILL, and the time until the other runs a step that the
dead one held is the take-over. At the end every step must have had exactly one effect.
"""

import asyncio
import contextlib
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from trunkline.app.migrate import upgrade
from trunkline.kernel.context import Context
from trunkline.kernel.db import Database, UnitOfWork
from trunkline.kernel.db.embedded import EmbeddedServer
from trunkline.kernel.plans import PlanRunner, PlanSpec, StepActions, StepRun, StepSpec, create_plan

CHAIN = 5
LOOPS = 8
PLANS_AT_ONCE = 200
WAIT_SECONDS = 60
_ALL_ENDED = "select not exists(select 1 from kernel.plan where state = 'running')"


def _actions(pause: float = 0) -> StepActions:
    actions = StepActions()

    @actions.task("effect")
    async def effect(uow: UnitOfWork, step: StepRun, _context: Context) -> dict[str, Any]:
        await uow.execute("insert into public.effect(key, worker) values ($1, $2)", step.idempotency_key, os.getpid())
        if pause:
            await asyncio.sleep(pause)
        return {"ok": True}

    return actions


def _context(database: Database) -> Context:
    return Context(tenant="bench", actor="bench", channel="cli", now=database.clock.now(), correlation_id="bench")


async def _fill(database: Database, plans: int) -> None:
    """Plans of five steps in a row."""
    steps = tuple(
        StepSpec(name=f"s{n}", action="effect", depends_on=(f"s{n - 1}",) if n > 1 else ()) for n in range(1, CHAIN + 1)
    )
    for begin in range(0, plans, PLANS_AT_ONCE):
        async with database.unit_of_work() as uow:
            for n in range(begin, min(plans, begin + PLANS_AT_ONCE)):
                spec = PlanSpec(kind="bench", subject_resource="thing", subject_id=str(n), steps=steps)
                await create_plan(uow, spec, _context(database))
    async with database.unit_of_work() as uow:  # as autovacuum does within 15 s; until then any index looks as good
        await uow.execute("analyze kernel.plan, kernel.step, kernel.step_dependency")


async def _clear(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.execute("truncate kernel.plan, kernel.step, kernel.step_dependency, kernel.outbox, public.effect")


async def _rate(database: Database, batch: int, plans: int) -> float:
    """Steps a second of one worker until all plans are completed."""
    await _clear(database)
    await _fill(database, plans)
    stop = asyncio.Event()
    runner = PlanRunner(database, _actions(), task_loops=LOOPS, batch=batch)
    began = time.perf_counter()
    task = asyncio.create_task(runner.run(stop))
    await _until(database, _ALL_ENDED)
    seconds = time.perf_counter() - began
    stop.set()
    await task
    assert await _value(database, "select count(distinct key) from public.effect") == plans * CHAIN
    return plans * CHAIN / seconds


async def _bare(dsn: str, seconds: float) -> float:
    """Transactions a second of a bare loop: begin, insert, update, commit on as many connections as a worker has loops."""
    stop_at = time.perf_counter() + seconds

    async def loop(n: int) -> int:
        connection = await asyncpg.connect(dsn)
        done = 0
        while time.perf_counter() < stop_at:
            async with connection.transaction():
                await connection.execute(
                    "insert into public.effect(key, worker) values ($1, $2)", f"bare:{n}:{done}", n
                )
                await connection.execute("update public.bare set n = n + 1 where id = $1", n * 100 + done % 100)
            done += 1
        await connection.close()
        return done

    return sum(await asyncio.gather(*(loop(n) for n in range(LOOPS)))) / seconds


async def _takeover(database: Database, dsn: str) -> tuple[float, int]:
    """Seconds from SIGKILL of a worker until the other has run a step that the dead one held; doubled effects at the end."""
    await _clear(database)
    await _fill(database, 100)
    workers = [_spawn(dsn), _spawn(dsn)]
    try:
        await _until(database, "select count(distinct worker) = 2 from public.effect")
        await asyncio.sleep(0.5)
        workers[0].send_signal(signal.SIGKILL)
        killed = time.perf_counter()
        workers[0].wait()
        await _until(database, "select exists(select 1 from kernel.step where losses > 0 and state = 'completed')")
        seconds = time.perf_counter() - killed
        await _until(database, _ALL_ENDED)
    finally:
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
            worker.wait()
    wrong = await _value(
        database,
        "select count(*) from kernel.step s left join (select key, count(*) as times from public.effect group by 1) e"
        " on e.key = s.idempotency_key where e.times is distinct from 1",
    )
    return seconds, int(wrong)


def _spawn(dsn: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "bench.plan_steps", "--worker", dsn])


async def _work(dsn: str) -> None:
    """A worker process: slow enough steps that it surely holds some when it is killed."""
    database = await Database.connect(dsn, max_size=LOOPS + 3)
    await PlanRunner(database, _actions(pause=0.01), task_loops=4, batch=10).run(asyncio.Event())


async def _value(database: Database, sql: str) -> Any:
    async with database.read() as session:
        return await session.fetch_value(sql)


async def _until(database: Database, sql: str) -> None:
    """Ask the database, every 20 ms, until it says yes."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await _value(database, sql):  # noqa: ASYNC110  # other processes bring it about
            await asyncio.sleep(0.02)


async def _measure(dsn: str, budget: float) -> dict[str, Any]:
    database = await Database.connect(dsn, min_size=LOOPS, max_size=LOOPS + 3)
    async with database.unit_of_work() as uow:
        await uow.execute("create table public.effect(key text not null, worker int not null)")
        await uow.execute("create table public.bare(id int primary key, n int not null) with (fillfactor = 50)")
        await uow.execute("insert into public.bare select g, 0 from generate_series(0, 999) g")
    began = time.perf_counter()
    bare = await _bare(dsn, 3)
    rates: dict[int, list[float]] = {10: [], 1: []}
    for _ in range(3):
        for batch, found in rates.items():
            found.append(await _rate(database, batch, 500))
            print(f"claims of {batch}: {found[-1]:.0f} steps/s")
        if time.perf_counter() - began > budget / 2:
            break
    takeover, doubled = await _takeover(database, dsn)
    await database.close()
    steps, single = statistics.median(rates[10]), statistics.median(rates[1])
    return {
        "steps_per_s": round(steps),
        "steps_per_s_single": round(single),
        "bare_commits_per_s": round(bare),
        "steps_vs_bare": round(steps / bare, 2),
        "single_vs_bare": round(single / bare, 2),
        "takeover_s": round(takeover, 2),
        "doubled": doubled,
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.machine()}, Python {platform.python_version()}",
    }


def main() -> None:
    """Measure on an embedded server of its own; the last line is one JSON object."""
    if sys.argv[1:2] == ["--worker"]:
        uvloop.run(_work(sys.argv[2]))
        return
    budget = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    home = Path(tempfile.mkdtemp(prefix="trunkline-bench-"))
    server = EmbeddedServer(home)
    try:
        dsn = server.start()
        upgrade(dsn)
        print(json.dumps(uvloop.run(_measure(dsn, budget))))
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()

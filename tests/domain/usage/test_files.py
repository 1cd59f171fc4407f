"""Files: fed once, twice, after a crash; bad lines kept with their reason and processed again after repair."""

import asyncio
import gzip
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.domain.usage.conftest import DATA, Operator
from trunkline.adapters.cdr_files.importing import Advance, ImportFile, import_path, reprocess
from trunkline.bss.usage import facade
from trunkline.bss.usage.contracts import Counts, ImportReport, Selection
from trunkline.kernel.errors import Invalid

SAMPLES = DATA / "cdr-stats"
RECORDED = Path(__file__).parents[2] / "fixtures" / "radius" / "recorded" / "detail"
LONG_AGO = datetime(2010, 1, 1, tzinfo=UTC)
FOREVER = datetime(2100, 1, 1, tzinfo=UTC)


def size_of(path: Path) -> int:
    return path.stat().st_size


async def feed(operator: Operator, path: Path, mapping: str, home: Path = Path("/nonexistent")) -> ImportReport:
    seen: list[Advance] = []

    async def progress(advance: Advance) -> None:
        seen.append(advance)

    request = ImportFile(name=path.name, mapping=mapping)
    report = await import_path(operator.database, path, request, home, operator.context, progress)
    assert seen[-1].records == report.counts.records_in + report.counts.known
    assert seen[-1].octets == seen[-1].octets_total == size_of(path)
    return report


async def test_calls_of_a_csv_file_are_rated_by_the_second(operator: Operator) -> None:
    product = await operator.product("0.06", unit="1 minute")
    await operator.bind("904151440", product, since=LONG_AGO, kind="msisdn")
    await operator.bind("904234320", product, since=LONG_AGO, kind="msisdn")
    report = await feed(operator, SAMPLES / "CDRImport-2015-10-26.csv", "voice-csv")
    assert report.counts == Counts(rated=3, suspended=2)
    assert report.suspended_by_reason == {"unknown-number": 2}
    [total] = await operator.totals(until=FOREVER)
    seconds = 50 + 10 + 11
    assert (total.quantity, total.unit, total.charge_micros) == (seconds, "second", seconds * 1_000)
    again = await feed(operator, SAMPLES / "CDRImport-2015-10-26.csv", "voice-csv")
    assert again.counts == Counts(known=5)
    assert again.batch_id == report.batch_id
    assert await operator.totals(until=FOREVER) == [total]
    assert await operator.findings() == []


@pytest.mark.parametrize(
    ("name", "mapping", "counts"),
    [
        ("import_cdr.txt", "freeswitch-csv", Counts(suspended=5)),
        ("import_cdr_100.txt", "voice-short-csv", Counts(suspended=99, rejected=1)),
        ("import_voipcall_report.txt", "voip-report-csv", Counts(free=6, suspended=3, rejected=1)),
    ],
)
async def test_every_sample_is_read_to_its_last_line(
    operator: Operator, name: str, mapping: str, counts: Counts
) -> None:
    report = await feed(operator, SAMPLES / name, mapping)
    assert report.counts == counts
    assert report.counts.records_in == len((SAMPLES / name).read_text().splitlines())
    assert await operator.findings() == []


async def test_the_laboratorys_detail_file_to_the_octet(operator: Operator) -> None:
    product = await operator.product()
    for user in ("alice", "bob@example.net"):
        await operator.bind(user, product, since=LONG_AGO)
    report = await feed(operator, RECORDED, "detail")
    assert (report.counts.suspended, report.counts.rejected) == (0, 0)
    sessions = await operator.rows("select input_octets + output_octets as octets, closed_by from usage.session")
    highest: dict[str, int] = {}
    for block in RECORDED.read_text().split("\n\n"):
        attributes = dict(line.strip().split(" = ", 1) for line in block.splitlines()[1:] if " = " in line)
        octets = int(attributes.get("Acct-Input-Octets", 0)) + int(attributes.get("Acct-Output-Octets", 0))
        if attributes.get("User-Name"):
            key = attributes["Acct-Session-Id"]
            highest[key] = max(highest.get(key, 0), octets)
    assert sorted(s["octets"] for s in sessions) == sorted(highest.values())
    assert all(s["closed_by"] for s in sessions), "stopped, or closed by Accounting-On"
    [total] = await operator.totals(until=FOREVER)
    assert total.quantity == sum(highest.values())
    assert (await feed(operator, RECORDED, "detail")).counts.records_in == 0
    assert await operator.findings() == []


async def test_a_bad_line_is_kept_and_read_again_once_the_mapping_is_mended(operator: Operator, tmp_path: Path) -> None:
    product = await operator.product("0.06", unit="1 minute")
    await operator.bind("904151440", product, since=LONG_AGO, kind="msisdn")
    file = tmp_path / "calls.csv"
    file.write_text(
        "callid,caller_id_number,destination_number,starting_date,billsec,duration,hangup_cause_id\n"
        "c1,904151440,34798400122,21.10.2015 12:13:10,50,55,16\n"
        "c2,904151440,34798400122,21.10.2015 12:14:10,sixty,55,16\n"
    )
    report = await feed(operator, file, "voice-csv", tmp_path)
    assert report.rejected_by_reason == {"invalid-number": 1, "invalid-time": 1}
    async with operator.database.read() as session:
        held = await facade.list_held(session, operator.context, Selection())
        raw = await facade.raw_record(session, held[0].id, operator.context)
    assert [(h.reason, h.source_ref) for h in held] == [
        ("invalid-time", "calls.csv:2"),
        ("invalid-number", "calls.csv:3"),
    ]
    assert (raw.file, raw.body["text"]) == ("calls.csv", file.read_text().splitlines()[1])
    unchanged = await reprocess(operator.database, Selection(), tmp_path, operator.context)
    assert (unchanged.looked_at, unchanged.counts) == (2, Counts(rejected=2))
    ours = Path(__file__).parents[3] / "src/trunkline/adapters/cdr_files/mappings/voice-csv.toml"
    (tmp_path / "mappings").mkdir()
    mended = ours.read_text().replace("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S")
    (tmp_path / "mappings" / "voice-csv.toml").write_text(mended)
    repaired = await reprocess(operator.database, Selection(reason="invalid-time"), tmp_path, operator.context)
    assert (repaired.looked_at, repaired.counts) == (1, Counts(rated=1))
    rows = await operator.rows("select outcome, reprocessed_reason from usage.raw_record order by id")
    assert [tuple(row.values()) for row in rows] == [("rated", "invalid-time"), ("rejected", None)]
    assert [t.quantity for t in await operator.totals(until=FOREVER)] == [50]
    assert (await feed(operator, file, "voice-csv", tmp_path)).counts.rated == 0
    assert await operator.findings() == []


_HEADER = "callid,caller_id_number,destination_number,starting_date,billsec,duration,hangup_cause_id"
_GOOD = "c{},904151440,34798400122,2015-10-21 12:13:10,50,55,16"
_LINES = st.lists(st.sampled_from([_GOOD.format(1), _GOOD.format(2), "", "not a call", '"', "c3,904151440,,soon,x,,"]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=_LINES, more=_LINES)
async def test_each_bad_line_of_a_file_is_kept_and_feeding_it_again_changes_nothing(
    operator: Operator, tmp_path: Path, first: list[str], more: list[str]
) -> None:
    """Also where several say the same, and where the file has grown since."""
    async with operator.database.unit_of_work() as uow:
        await uow.execute("truncate usage.raw_record, usage.batch cascade")
    file = tmp_path / "calls.csv"

    def expected(lines: list[str]) -> tuple[int, int]:
        there = [line for line in lines if line]
        good = {line for line in there if line.startswith(("c1", "c2"))}
        return len(good), sum(line not in good for line in there)

    async def kept() -> tuple[int, int]:
        async with operator.database.read() as session:
            count = "select count(*) from usage.raw_record where (outcome = 'rejected') = $1"
            return await session.fetch_value(count, False), await session.fetch_value(count, True)

    for lines in (first, [*first, *more]):
        file.write_text("\n".join([_HEADER, *lines, ""]))
        await feed(operator, file, "voice-csv")
        assert await kept() == expected(lines)
        again = await feed(operator, file, "voice-csv")
        assert again.counts.records_in == 0
        assert await kept() == expected(lines)
    unchanged = await reprocess(operator.database, Selection(reason="malformed-line"), tmp_path, operator.context)
    assert unchanged.counts.rejected == unchanged.looked_at
    assert await kept() == expected([*first, *more])


async def test_a_rejected_line_that_had_come_whole_elsewhere_counts_as_a_repetition(
    operator: Operator, tmp_path: Path
) -> None:
    product = await operator.product("0.06", unit="1 minute")
    await operator.bind("904151440", product, since=LONG_AGO, kind="msisdn")
    header = "callid,caller_id_number,destination_number,starting_date,billsec,duration,hangup_cause_id\n"
    for name, head in (("bad.csv", header.replace("billsec", "seconds")), ("good.csv", header)):
        (tmp_path / name).write_text(head + "c1,904151440,34,2015-10-21 12:13:10,50,55,16\n")
    # the same line under another header is refused under its own key, so both are taken in
    assert (await feed(operator, tmp_path / "bad.csv", "voice-csv")).counts == Counts(rejected=1)
    assert (await feed(operator, tmp_path / "good.csv", "voice-csv")).counts == Counts(rated=1)
    await operator.rows("select 1")
    async with operator.database.unit_of_work() as uow:
        await uow.execute(
            "update usage.raw_record set body = jsonb_set(body, '{header}', to_jsonb($1::text)) where outcome = 'rejected'",
            header.strip(),
        )
    repaired = await reprocess(operator.database, Selection(), tmp_path, operator.context)
    assert repaired.counts == Counts(free=1)
    assert [t.records for t in await operator.totals(until=FOREVER)] == [1]
    assert await operator.findings() == []


@pytest.mark.parametrize("damaged", ["cut off", "corrupt"])
async def test_a_damaged_packed_file_is_refused_after_what_it_held_and_the_mended_one_brings_the_rest(
    operator: Operator, tmp_path: Path, damaged: str
) -> None:
    text = "\n".join([_HEADER, *(_GOOD.format(n) for n in range(2_000))]) + "\n"
    whole = gzip.compress(text.encode(), compresslevel=0)
    packed = tmp_path / "calls.csv.gz"
    packed.write_bytes(whole[:-40_000] if damaged == "cut off" else whole[:-8] + b"01234567")
    with pytest.raises(Invalid) as refused:
        await feed(operator, packed, "voice-csv")
    assert refused.value.code == "unreadableFile"
    [batch] = await operator.rows("select state, records_in from usage.batch")
    assert (batch["state"], 1_000 <= batch["records_in"] <= 2_000) == ("completed", True)
    packed.write_bytes(whole)
    mended = await feed(operator, packed, "voice-csv")
    assert mended.counts == Counts(suspended=2_000 - batch["records_in"], known=batch["records_in"])
    assert await operator.findings() == []


async def test_a_line_without_end_is_rejected_with_its_reason_and_the_next_is_read(
    operator: Operator, tmp_path: Path
) -> None:
    calls = tmp_path / "calls.csv"
    calls.write_text("\n".join([_HEADER, "x" * 200_000, _GOOD.format(1)]) + "\n")
    report = await feed(operator, calls, "voice-csv")
    assert (report.counts, report.rejected_by_reason) == (Counts(suspended=1, rejected=1), {"line-too-long": 1})
    detail = tmp_path / "detail"
    detail.write_text("Mon Nov 23 04:58:26 2026\n\tUser-Name = " + "x" * 200_000 + "\n\n")
    assert (await feed(operator, detail, "detail")).rejected_by_reason == {"line-too-long": 1}
    lengths = await operator.rows(
        "select length(body->>'text') as n from usage.raw_record where reason = 'line-too-long'"
    )
    assert [row["n"] <= 2 * 65_537 for row in lengths] == [True, True]
    assert await operator.findings() == []


async def test_a_zipped_file_and_one_that_is_none(operator: Operator, tmp_path: Path) -> None:
    packed = tmp_path / "calls.csv.gz"
    packed.write_bytes(gzip.compress((SAMPLES / "CDRImport-2015-10-26.csv").read_bytes()))
    assert (await feed(operator, packed, "voice-csv")).counts == Counts(suspended=5)
    rubbish = tmp_path / "rubbish.csv"
    rubbish.write_bytes(b"\xff\xfe\x00binary\x00\n" + bytes(range(1, 256)) + b"\n\n\x00\n")
    report = await feed(operator, rubbish, "voip-report-csv")
    assert report.counts.records_in == report.counts.rejected > 0
    detail = await feed(operator, rubbish, "detail")
    assert detail.counts.records_in == detail.counts.rejected > 0
    with pytest.raises(Invalid):
        await feed(operator, tmp_path / "missing", "detail")
    assert await operator.findings() == []


_IMPORT = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.domain.usage.conftest import Operator
from trunkline.adapters.cdr_files.importing import ImportFile, import_path
from trunkline.bss.usage import importing
from trunkline.kernel.db import Database

importing.RECORDS_PER_TRANSACTION = 20

async def main():
    database = await Database.connect(sys.argv[1])
    async def progress(advance):
        print(advance.records, flush=True)
    request = ImportFile(name="calls.csv", mapping="voice-short-csv")
    await import_path(database, Path(sys.argv[2]), request, Path("/nonexistent"), Operator(database).context, progress)

asyncio.run(main())
"""


async def test_an_import_that_is_killed_goes_on_when_the_file_is_fed_again(
    operator: Operator, database_dsn: str, tmp_path: Path
) -> None:
    product = await operator.product("0.06", unit="1 minute")
    await operator.bind("49301234", product, since=LONG_AGO, kind="msisdn")
    file = tmp_path / "calls.csv"
    calls = 2_000
    file.write_text("".join(f"49301234, x, 650200000, 9, {n % 60}, 16, call-{n}, 1336101842\n" for n in range(calls)))
    root = str(Path(__file__).parents[3])
    importer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _IMPORT, database_dsn, str(file), root), stdout=asyncio.subprocess.PIPE
    )
    assert importer.stdout is not None
    while int((await asyncio.wait_for(importer.stdout.readline(), 60)).decode() or "0") < 200:
        pass
    importer.send_signal(signal.SIGKILL)
    await importer.communicate()
    [before] = await operator.rows("select state, records_in from usage.batch")
    assert before["state"] == "running"
    assert 200 <= before["records_in"] < calls
    assert await operator.findings() == []
    report = await feed(operator, file, "voice-short-csv")
    assert report.counts.records_in + report.counts.known == calls
    assert report.counts.known >= 200
    [after] = await operator.rows("select state, records_in from usage.batch")
    assert (after["state"], after["records_in"]) == ("completed", calls)
    seconds = sum(n % 60 for n in range(calls))
    assert [(t.quantity, t.charge_micros) for t in await operator.totals(until=FOREVER)] == [(seconds, seconds * 1_000)]
    assert await operator.findings() == []

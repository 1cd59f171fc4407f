"""`trunkline export` and `trunkline import`: records of any resource as NDJSON or CSV."""

import contextlib
import difflib
import gzip
import sys
import time
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path
from typing import IO, Any, cast

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from trunkline.app.cli import refusal
from trunkline.app.cli.session import command_context, open_database
from trunkline.app.wiring import resources
from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.catalogue import with_domains
from trunkline.kernel.tmf.query import parse
from trunkline.kernel.tmf.resource import Resource
from trunkline.kernel.transfer import (
    FORMATS,
    Advance,
    ImportReport,
    ImportRequest,
    export_lines,
    format_of,
    import_records,
    read_rows,
    unpacked,
)

_form = click.option(
    "--format", "form", type=click.Choice(FORMATS), help="Otherwise the file's name tells: .csv, or NDJSON."
)
_tenant = click.option("--tenant", help="Otherwise the installation's own.")


@click.command("export")
@click.argument("name", metavar="RESOURCE")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Otherwise standard output. .gz packs."
)
@click.option(
    "--where", default="", help="Only these, as a list request has it: 'lifecycleStatus=Active&name=Fibre 500'."
)
@_form
@_tenant
def export(name: str, output: Path | None, where: str, form: str | None, tenant: str | None) -> None:
    """Write all records of RESOURCE, one a line, as they are stored (generation 5).

    \b
    Example: trunkline export productOffering -o offerings.ndjson
             trunkline export individual --format csv --where 'familyName=Example'
    """
    resource = find_resource(name)
    form = form or format_of(output.name if output else "")

    async def run() -> int:
        count = 0
        async with open_database() as database:
            with _writing(output) as file, _bar("records") as bar:
                task = bar.add_task(f"{resource.name}", total=None, records=0)
                pages = export_lines(database, resource, parse(where), command_context(database, tenant), form)
                async for lines in pages:
                    file.writelines(lines)
                    count += len(lines)
                    bar.update(task, records=count - (form == "csv"))
        return count - (form == "csv")

    count = refusal.run(run())
    click.echo(f"{count:,} {resource.name} records{f' → {output}' if output else ''}", err=output is None)


@click.command("import")
@click.argument("name", metavar="RESOURCE")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check everything and store nothing.")
@click.option(
    "--errors", type=click.Path(dir_okay=False, path_type=Path), help="Where refused rows go; FILE.errors.ndjson."
)
@_form
@_tenant
def import_(name: str, file: Path, dry_run: bool, errors: Path | None, form: str | None, tenant: str | None) -> None:
    """Take over the records in FILE, as `trunkline export` writes them, into RESOURCE.

    A record that is there already is changed to what its row says; an equal one is left alone. In CSV attributes without
    a column stay as they are. Rows that are refused are written to a file with the reason, the rest is taken over. An
    import that was cut off goes on where it was when the same file is given again.

    \b
    Example: trunkline import productOffering offerings.ndjson --dry-run
    """
    resource = find_resource(name)
    form = form or format_of(file.name)
    errors = errors or file.with_name(f"{file.name}.errors.ndjson")
    refused = _Refused(errors)

    async def run() -> ImportReport:
        async with open_database() as database:
            with contextlib.ExitStack() as opened, _bar("rows") as bar, refused:
                packed = opened.enter_context(file.open("rb"))
                digest, octets = file_digest(packed, "sha256").hexdigest(), packed.tell()
                packed.seek(0)
                text: IO[bytes] = packed
                if file.name.endswith(".gz"):
                    text = opened.enter_context(unpacked(packed))
                task = bar.add_task(f"{file.name} ({resource.name})", total=octets, records=0)

                async def tell(advance: Advance) -> None:
                    bar.update(task, completed=packed.tell(), records=advance.report.read)
                    refused.write(advance)

                request = ImportRequest(name=file.name, sha256=digest, dry_run=dry_run)
                rows = read_rows(text, form, resource.entity)
                return await import_records(database, resource, rows, request, command_context(database, tenant), tell)

    began = time.monotonic()
    report = refusal.run(run())
    _say(report, time.monotonic() - began)
    if report.refused:
        click.echo(f"refused rows, with their reasons → {errors}", err=True)
        sys.exit(1)


def find_resource(name: str) -> Resource[Any]:
    """The resource of that name; "<domain>.<name>" where several domains have one. Raises ClickException."""
    known = with_domains(resources())
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else f" There are: {', '.join(sorted(known))}."
    raise click.ClickException(f"There is no resource {name!r}.{hint}")


class _Refused:
    """The file of refused rows: made when there is one to write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "_Refused":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def write(self, advance: Advance) -> None:
        if advance.problems and self._file is None:
            self._file = self._path.open("ab" if advance.report.resumed_after else "wb")
        for problem in advance.problems:
            assert self._file is not None  # opened above, with the first of them
            self._file.write(msgspec.json.encode(problem) + b"\n")


@contextlib.contextmanager
def _writing(output: Path | None) -> Iterator[IO[bytes]]:
    """Where an export goes. A file is complete or not there."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as file:
            if output.name.endswith(".gz"):
                with gzip.open(file, "wb", compresslevel=6) as packed:
                    yield cast(IO[bytes], packed)
            else:
                yield file
        part.replace(output)
    except OSError as error:
        raise Invalid("unwritableFile", f"{output} cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)


def _bar(what: str) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[records]:,} " + what),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _say(report: ImportReport, seconds: float) -> None:
    if report.resumed_after:
        click.echo(f"gone on after line {report.resumed_after:,}, where an earlier run was cut off")
    click.echo(
        f"read {report.read:,} = created {report.created:,} + changed {report.changed:,}"
        f" + unchanged {report.unchanged:,} + refused {report.refused:,}  {seconds:.1f} s"
    )
    if report.dry_run:
        click.echo("That was a dry run: nothing was stored.")

"""`make conformance`: check a fresh installation of this checkout, or one that runs, and write what came out."""

import sys
from pathlib import Path

import click

from tools.conformance.report import KNOWN, read_known, surprises, write
from tools.conformance.run import Result, check
from trunkline.app.stories.installation import throw_away

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT.parent / "shared" / "tmf"


@click.command()
@click.argument("apis", nargs=-1, metavar="[API]...")
@click.option("--contracts", type=click.Path(exists=True, file_okay=False, path_type=Path), default=CONTRACTS)
@click.option("--url", help="A server that runs; without it a throw-away installation of this checkout is checked.")
@click.option("--key", envvar="TRUNKLINE_KEY", help="An administrator's key for it (TRUNKLINE_KEY).")
@click.option(
    "--write/--no-write", "keep", default=True, help="Write docs/tmf-conformance.md and .json (all APIs only)."
)
def main(apis: tuple[str, ...], contracts: Path, url: str | None, key: str | None, *, keep: bool) -> None:
    """Check each API (TMF620, TMF620v4), all when none is named, against its published contract.

    Ends with status 1 when a rule fails that tools/conformance/known.toml does not name, or when one that it names passes.
    """
    if url is not None:
        if not key:
            raise click.UsageError("--url needs a key: --key or TRUNKLINE_KEY.")
        result = check(url, key, contracts, apis, _tell)
    else:
        with throw_away("2026-06-01T00:00:00+02:00") as installation:
            text = (installation.home / "operator.key").read_text("utf-8").strip()
            result = check(installation.url, text, contracts, apis, _tell)
    if keep and not apis:
        write(result, ROOT / "docs")
    sys.exit(_judged(result, whole=not apis))


def _tell(api: str, number: int, of: int) -> None:
    click.echo(f"\r{number} of {of} APIs ({api})   ", nl=number == of, err=True)


def _judged(result: Result, *, whole: bool) -> int:
    failed, healed = surprises(result.outcomes, read_known())
    for outcome in failed:
        click.echo(f"{outcome.verdict}: {outcome.label}: {outcome.detail[:300]}")
    for known in healed if whole else ():
        click.echo(f"passes now, take it out of {KNOWN.name}: {known}")
    counts = {
        verdict: sum(o.verdict == verdict for o in result.outcomes) for verdict in ("passed", "failed", "notOffered")
    }
    click.echo(f"{counts['passed']} passed, {counts['failed']} failed, {counts['notOffered']} not offered")
    return 1 if failed or (whole and healed) else 0


if __name__ == "__main__":
    main()

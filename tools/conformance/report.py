"""What a run came to: JSON for programs, a page for people, and whether it is what was known."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

import msgspec

from tools.conformance import hub
from tools.conformance.outcome import Outcome
from tools.conformance.rules import RULES, about, name_of
from tools.conformance.run import Result

KNOWN = Path(__file__).with_name("known.toml")
_OPERATIONS = {"create", "list", "retrieve", "patch", "replace", "delete"}


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not as the contract has it, with the reason. Names may hold `*`; `said` is about the detail."""

    why: str
    api: str = "*"
    resource: str = "*"
    rule: str = "*"
    said: str = "*"

    def __str__(self) -> str:
        return f"{self.api} {self.resource} {self.rule}: {self.why}"

    def names(self, outcome: Outcome) -> bool:
        """Whether it is about this outcome."""
        pairs = (
            (f"{outcome.api}v{outcome.generation}", self.api),
            (outcome.resource, self.resource),
            (outcome.rule, self.rule),
            (outcome.detail, self.said),
        )
        return all(fnmatch(value, pattern) for value, pattern in pairs)


def read_known(path: Path = KNOWN) -> tuple[Known, ...]:
    """The table of what is known not to hold."""
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")).get("known", []), tuple[Known, ...])


def surprises(outcomes: Sequence[Outcome], known: Iterable[Known]) -> tuple[list[Outcome], list[Known]]:
    """Failures that nobody knew of, and entries of `known` that no failure needs any longer."""
    known = tuple(known)
    bad = [outcome for outcome in outcomes if outcome.verdict in ("failed", "notOffered")]
    fresh = [outcome for outcome in bad if not any(one.names(outcome) for one in known)]
    return fresh, [one for one in known if not any(one.names(outcome) for outcome in bad)]


def write(result: Result, folder: Path) -> None:
    """Write tmf-conformance.json and tmf-conformance.md."""
    (folder / "tmf-conformance.json").write_bytes(_json(result))
    (folder / "tmf-conformance.md").write_text("\n".join(_page(result)) + "\n", "utf-8")


def _json(result: Result) -> bytes:
    """Verdicts without details: those hold ids, and two runs that came to the same should give the same file."""
    apis = []
    for api in result.apis:
        own = _of(result, api.contract.api, api.contract.generation)
        resources = {
            name: _verdicts([outcome for outcome in own if outcome.resource == name])
            for name in dict.fromkeys(outcome.resource for outcome in own)
        }
        apis.append(
            {
                "api": api.contract.api,
                "generation": api.contract.generation,
                "contract": api.contract.version,
                "root": api.root,
                "totals": dict(sorted(Counter(outcome.verdict for outcome in own).items())),
                "resources": resources,
            }
        )
    totals = dict(sorted(Counter(outcome.verdict for outcome in result.outcomes).items()))
    return msgspec.json.format(msgspec.json.encode({"totals": totals, "apis": apis}), indent=1) + b"\n"


def _verdicts(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """How many rules passed, and which did not."""
    rules = {
        verdict: [outcome.rule for outcome in outcomes if outcome.verdict == verdict]
        for verdict in ("failed", "notOffered")
    }
    everything = len(outcomes) - sum(outcome.verdict == "notApplicable" for outcome in outcomes)
    return {
        "passed": sum(outcome.verdict == "passed" for outcome in outcomes),
        **{verdict: "all" if len(found) == everything else found for verdict, found in rules.items() if found},
    }


def _page(result: Result) -> Iterable[str]:
    totals = Counter(outcome.verdict for outcome in result.outcomes)
    yield "# Conformance with the TM Forum Open APIs"
    yield ""
    yield (
        "Written by `make conformance`, which starts an installation, drives every operation of every API it serves with input made"
        " from the published contract, and judges every answer by the contract's schemas and by the rules below. It is our own"
        " evidence, to be run again by anybody who has the contracts; it is no certificate."
    )
    yield ""
    yield (
        f"{len(result.apis)} contracts, {totals['passed']} rules passed, {totals['failed']} failed,"
        f" {totals['notOffered']} not offered, {totals['notApplicable']} without meaning for their resource"
        " (an attribute or an operation that the contract does not have)."
    )
    yield ""
    yield "| API | contract | resources | operations | rules passed | failed | not offered |"
    yield "|---|---|---|---|---|---|---|"
    for api in result.apis:
        own = _of(result, api.contract.api, api.contract.generation)
        count = Counter(outcome.verdict for outcome in own)
        asked = sum(len(_OPERATIONS & api.contract.of(subject.name).keys()) for subject in api.subjects)
        offered = sum(
            len(_OPERATIONS & api.contract.of(subject.name).keys() & subject.offered) for subject in api.subjects
        )
        yield (
            f"| {api.title} | {api.contract.version} | {len(api.subjects)} | {offered} of {asked}"
            f" | {count['passed']} | {count['failed'] or ''} | {count['notOffered'] or ''} |"
        )
    yield ""
    yield from _not_passed(result)
    yield "## The rules"
    yield ""
    for rule in RULES:
        yield f"* **{name_of(rule)}**: {about(rule)}"
    for at_hub in hub.RULES:
        yield f"* **{at_hub.__name__.replace('_', '-')}**: {' '.join((at_hub.__doc__ or '').split())}"


def _not_passed(result: Result) -> Iterable[str]:
    known = read_known()
    bad = [outcome for outcome in result.outcomes if outcome.verdict in ("failed", "notOffered")]
    yield "## What is not as the contract has it"
    yield ""
    if not bad:
        yield "Nothing."
    for one in known:
        about_it = [outcome for outcome in bad if one.names(outcome)]
        if about_it:
            where = sorted({f"{outcome.api} v{outcome.generation} {outcome.resource}" for outcome in about_it})
            rules = sorted({outcome.rule for outcome in about_it})
            yield f"* {one.why} ({len(about_it)} rules: {', '.join(rules[:8])}{' …' if len(rules) > 8 else ''})"
            yield f"  {'; '.join(where[:12])}{f'; and {len(where) - 12} more' if len(where) > 12 else ''}"
    unknown = [outcome for outcome in bad if not any(one.names(outcome) for one in known)]
    for outcome in unknown:
        yield f"* {outcome.label}: {outcome.detail[:200]}"
    yield ""


def _of(result: Result, api: str, generation: int) -> list[Outcome]:
    return [outcome for outcome in result.outcomes if (outcome.api, outcome.generation) == (api, generation)]

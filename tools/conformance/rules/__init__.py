"""The rules, one function each. A rule returns when it holds and raises Violation, NotOffered or NotApplicable when not."""

from collections.abc import Callable

from tools.conformance.bench import Bench
from tools.conformance.outcome import NotApplicable, NotOffered, Outcome, Verdict, Violation
from tools.conformance.rules import creating, ending, filtering, paging, patching, reading, refusing

Rule = Callable[[Bench], None]
RULES: tuple[Rule, ...] = (
    *creating.RULES,
    *reading.RULES,
    *filtering.RULES,
    *paging.RULES,
    *patching.RULES,
    *refusing.RULES,
    *ending.RULES,
)


def name_of(rule: Rule) -> str:
    """A rule's name, as reports and `known.toml` have it."""
    return rule.__name__.strip("_").replace("_", "-")


def about(rule: Rule) -> str:
    """What the rule asks for: its docstring."""
    return " ".join((rule.__doc__ or "").split())


def tried(rule: Rule, bench: Bench) -> Outcome:
    """The rule tried on a subject."""
    subject = bench.subject
    verdict: Verdict
    try:
        rule(bench)
        verdict, detail = "passed", ""
    except Violation as error:
        verdict, detail = "failed", str(error)
    except NotOffered as error:
        verdict, detail = "notOffered", str(error)
    except NotApplicable as error:
        verdict, detail = "notApplicable", str(error)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        verdict, detail = "failed", f"an answer is not of the form expected: {type(error).__name__}: {error}"
    return Outcome(
        api=subject.api,
        generation=subject.generation,
        resource=subject.name,
        rule=name_of(rule),
        verdict=verdict,
        detail=detail[:1000],
    )

"""What a rule came to."""

from typing import Literal

import msgspec

Verdict = Literal["passed", "failed", "notOffered", "notApplicable"]


class Violation(Exception):
    """The server did not do as the rule says. The text tells what it did instead."""


class NotOffered(Exception):
    """The contract has it, the server does not offer it. The text tells how the server says so."""


class NotApplicable(Exception):
    """The rule says nothing about this resource, or there is no record to try it on."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One rule on one resource of one API in one generation."""

    api: str
    generation: int
    resource: str
    rule: str
    verdict: Verdict
    detail: str = ""

    @property
    def label(self) -> str:
        """As a report names it: "TMF620 v5 category create"."""
        return f"{self.api} v{self.generation} {self.resource} {self.rule}"


def must(condition: object, said: str) -> None:
    """Raise Violation with the text unless the condition holds."""
    if not condition:
        raise Violation(said)

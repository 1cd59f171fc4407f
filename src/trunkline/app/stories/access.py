"""The access network as a story needs it: one subscriber's line, which dials in, is used and hangs up."""

from typing import Any, Protocol

from trunkline.app.stories.client import ApiClient, Refused
from trunkline.app.stories.fixture import Fixture


class AccessNetwork(Protocol):
    """The home gateway of a subscriber and the access gateway that counts its traffic: real or simulated."""

    def connect(self, user_name: str, activated: dict[str, Any]) -> list[str]:
        """Let the subscriber's gateway dial in; returns words for the report.

        activated  what the plan's step `activate_access` says the network was told
        Raises AssertionError when what comes up is not what was ordered.
        """

    def use(self, user_name: str) -> int:
        """Make traffic, end the session, repeat records; returns the octets that the network counted."""

    def expected(self, fixture: Fixture) -> dict[str, Any]:
        """The figures the story must come to, with what this network counted."""


def authorisation(api: ApiClient, user_name: str) -> dict[str, Any]:
    """What FreeRADIUS is answered about a user; waits until the user is known."""
    question = {"User-Name": {"type": "string", "value": [user_name]}}

    def ask() -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = api.post("/radius/authorize", question)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return answer

    return api.wait("the authorisation", ask)

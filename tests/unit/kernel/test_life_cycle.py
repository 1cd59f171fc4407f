"""Life cycles: explicit tables of moves."""

import pytest

from trunkline.kernel.errors import Conflict, Invalid
from trunkline.kernel.tmf.life_cycle import LifeCycle

TICKET = LifeCycle(
    initial="acknowledged",
    entry={"inProgress"},
    moves={"acknowledged": {"inProgress", "cancelled"}, "inProgress": {"resolved"}, "resolved": {"closed"}},
)


def test_states_are_all_that_the_table_names() -> None:
    assert TICKET.states == {"acknowledged", "inProgress", "cancelled", "resolved", "closed"}


def test_illegal_move_names_what_is_allowed() -> None:
    with pytest.raises(Conflict) as refused:
        TICKET.check_move("troubleTicket", "7", "acknowledged", "closed")
    assert refused.value.code == "illegalMove"
    assert refused.value.allowed == ("cancelled", "inProgress")
    assert refused.value.path == "$.state"


def test_terminal_state_is_locked() -> None:
    with pytest.raises(Conflict) as refused:
        TICKET.check_move("troubleTicket", "7", "closed", "inProgress")
    assert refused.value.allowed == ()
    assert "final" in str(refused.value)


def test_unknown_state_is_invalid_not_a_conflict() -> None:
    with pytest.raises(Invalid) as refused:
        TICKET.check_move("troubleTicket", "7", "acknowledged", "done")
    assert refused.value.code == "unknownState"


@pytest.mark.parametrize(("state", "code"), [("closed", "illegalState"), ("nonsense", "unknownState")])
def test_creation_only_in_an_entry_state(state: str, code: str) -> None:
    TICKET.check_entry("inProgress")
    with pytest.raises(Invalid) as refused:
        TICKET.check_entry(state)
    assert (refused.value.code, refused.value.allowed) == (code, ("acknowledged", "inProgress"))

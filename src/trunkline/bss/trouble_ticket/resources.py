"""Trouble tickets (TMF621)."""

from trunkline.bss.customer.resources import customers
from trunkline.bss.party.resources import individuals, organizations, party_roles
from trunkline.bss.trouble_ticket.entities import (
    TROUBLE_TICKET,
    TROUBLE_TICKET_SPECIFICATION,
    TroubleTicket,
    TroubleTicketSpecification,
)
from trunkline.kernel.tmf import LifeCycle, Reference, Resource
from trunkline.kernel.tmf.life_cycle import SPECIFICATION_LIFE_CYCLE

LIFE_CYCLE = LifeCycle(
    attribute="status",
    initial="acknowledged",
    moves={
        "acknowledged": {"inProgress", "pending", "held", "rejected", "cancelled", "resolved"},
        "inProgress": {"pending", "held", "resolved", "cancelled"},
        "pending": {"inProgress", "held", "resolved", "cancelled"},
        "held": {"inProgress", "pending", "resolved", "cancelled"},
        "resolved": {"closed", "inProgress"},
    },
)

trouble_ticket_specifications = Resource(
    TroubleTicketSpecification,
    TROUBLE_TICKET_SPECIFICATION,
    domain="trouble_ticket",
    life_cycle=SPECIFICATION_LIFE_CYCLE,
    hot=("name",),
)

trouble_tickets = Resource(
    TroubleTicket,
    TROUBLE_TICKET,
    domain="trouble_ticket",
    life_cycle=LIFE_CYCLE,
    hot=("name", "ticketType", "severity", "priority", "creationDate"),
    references=(
        Reference("troubleTicketSpecification", to=(trouble_ticket_specifications,)),
        Reference(
            "relatedParty[*].partyOrPartyRole",
            to=(
                individuals,
                organizations,
                party_roles,
                customers,
            ),
        ),
    ),
)

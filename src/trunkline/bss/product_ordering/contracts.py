"""What product ordering tells others beyond its TMF events."""

from datetime import datetime
from typing import Any

import msgspec

ACCEPTED = "ProductOrderAccepted"
CANCEL_REQUESTED = "ProductOrderCancelRequested"


class Activated(msgspec.Struct, frozen=True, kw_only=True):
    """What the network side reports when items of an order are realised.

    activated_at  the instant at which services and resources became active; the products' start
    services      order item id → id of the customer-facing service that realises its product, None for a product that is
                  purely commercial
    """

    activated_at: datetime
    services: dict[str, str | None]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How the items of an order fare on the network.

    states    order item id → TMF622 item state: inProgress, held or failed
    messages  why, as TMF622 ProductOrderErrorMessage; those that the order has already are told again, which does no harm
    """

    states: dict[str, str]
    messages: tuple[dict[str, Any], ...] = ()

"""What product ordering tells others beyond its TMF events."""

from datetime import datetime

import msgspec

ACCEPTED = "ProductOrderAccepted"
CANCEL_REQUESTED = "ProductOrderCancelRequested"


class Activated(msgspec.Struct, frozen=True, kw_only=True):
    """What the network side reports when an order is realised.

    activated_at  the instant at which services and resources became active; the products' start
    services      order item id → id of the customer-facing service that realises its product
    """

    activated_at: datetime
    services: dict[str, str]

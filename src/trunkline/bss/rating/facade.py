"""What other domains call: all of it pure, synchronous and without IO.

from_offering_price, from_product_price   documents → Price
charge_key, is_in_force                   which price as sold, and when
prorate, share_of                         part of a recurring price
recurring_lines, one_time_line            what a bill holds for a price
rate_usage, usage_line                    usage → charge → line
totals, tax_on                            net, tax, gross
line_title, covers_text, formula          a line in words and numbers
cycle_start, add_months, period_at        billing months
"""

from trunkline.bss.rating.model.calendar import add_months, cycle_start, period_at, period_from
from trunkline.bss.rating.model.charges import one_time_line, rate_usage, tax_on, totals, usage_line
from trunkline.bss.rating.model.price import charge_key, from_offering_price, from_product_price, is_in_force
from trunkline.bss.rating.model.proration import prorate, share_of
from trunkline.bss.rating.model.recurring import Recurring, recurring_lines
from trunkline.bss.rating.model.wording import (
    amount_text,
    covers_text,
    date_text,
    days_text,
    formula,
    line_title,
    plain,
    quantity_text,
)

__all__ = [
    "Recurring",
    "add_months",
    "amount_text",
    "charge_key",
    "covers_text",
    "cycle_start",
    "date_text",
    "days_text",
    "formula",
    "from_offering_price",
    "from_product_price",
    "is_in_force",
    "line_title",
    "one_time_line",
    "period_at",
    "period_from",
    "plain",
    "prorate",
    "quantity_text",
    "rate_usage",
    "recurring_lines",
    "share_of",
    "tax_on",
    "totals",
    "usage_line",
]

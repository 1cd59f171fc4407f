"""S1 "first line": from a visitor's address over an order and a real access line to an explained bill.

One module a part of the way, one function a step. A step speaks only the public API; what differs between a simulated and a
real access network is behind `scene.access`.
"""

from trunkline.app.stories.s1.activation import install_and_activate, one_instant, watch_decomposition
from trunkline.app.stories.s1.billing import bill_july, explain_bill
from trunkline.app.stories.s1.customer import create_customer
from trunkline.app.stories.s1.ordering import order_products
from trunkline.app.stories.s1.qualification import qualify_address
from trunkline.app.stories.s1.usage import use_the_line
from trunkline.app.stories.scene import Step

STEPS: tuple[Step, ...] = (
    qualify_address,
    create_customer,
    order_products,
    watch_decomposition,
    install_and_activate,
    one_instant,
    use_the_line,
    bill_july,
    explain_bill,
)

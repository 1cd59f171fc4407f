"""What is on stock (TMF687) and shipped (TMF700): the record face."""

from trunkline.bss.product_catalog.resources import product_offerings
from trunkline.bss.stock.entities import (
    ADJUST_PRODUCT_STOCK,
    CHECK_PRODUCT_STOCK,
    PRODUCT_STOCK,
    QUERY_PRODUCT_STOCK,
    RESERVE_PRODUCT_STOCK,
    SHIPPING_ORDER,
    AdjustProductStock,
    CheckProductStock,
    ProductStock,
    QueryProductStock,
    ReserveProductStock,
    ShippingOrder,
)
from trunkline.kernel.tmf import LifeCycle, Reference, Resource
from trunkline.kernel.tmf.life_cycle import task_life_cycle

STOCK = "Stock is not counted in this installation yet, so nothing was checked, reserved or adjusted."
SHIPPING_LIFE_CYCLE = LifeCycle(
    attribute="status",
    initial="active",
    entry={"savedForLater"},
    moves={
        "savedForLater": {"active", "cancelled"},
        "active": {"inProgress", "cancelled"},
        "inProgress": {"shipped", "cancelled"},
        "shipped": {"delivered", "returned"},
    },
)

product_stocks = Resource(ProductStock, PRODUCT_STOCK, domain="stock", hot=("name",))

adjust_product_stocks = Resource(
    AdjustProductStock, ADJUST_PRODUCT_STOCK, domain="stock", life_cycle=task_life_cycle("accepted"), unavailable=STOCK
)

check_product_stocks = Resource(
    CheckProductStock, CHECK_PRODUCT_STOCK, domain="stock", life_cycle=task_life_cycle("accepted"), unavailable=STOCK
)

query_product_stocks = Resource(
    QueryProductStock, QUERY_PRODUCT_STOCK, domain="stock", life_cycle=task_life_cycle("accepted"), unavailable=STOCK
)

reserve_product_stocks = Resource(ReserveProductStock, RESERVE_PRODUCT_STOCK, domain="stock", unavailable=STOCK)

shipping_orders = Resource(
    ShippingOrder,
    SHIPPING_ORDER,
    domain="stock",
    life_cycle=SHIPPING_LIFE_CYCLE,
    references=(Reference("shippingOrderOffering", to=(product_offerings,)),),
)

"""Sales: leads, carts and quotes, until they become orders."""

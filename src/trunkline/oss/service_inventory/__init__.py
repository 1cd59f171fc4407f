"""Services: what realises a product, and since when."""

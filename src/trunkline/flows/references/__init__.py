"""Which records of one half refer to records of the other, and where in them."""

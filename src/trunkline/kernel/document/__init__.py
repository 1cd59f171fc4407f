"""Documents: files and what is known of them."""

"""Stock and shipping: devices before they are at a customer."""

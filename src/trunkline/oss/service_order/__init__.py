"""Service orders: a customer-facing service is decomposed, planned and brought about."""

"""Service specifications: customer-facing (CFS) and resource-facing (RFS), and how one realises the other."""

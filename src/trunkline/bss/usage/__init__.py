"""Usage: mediation of what the network counted, and the usage records that are billed."""

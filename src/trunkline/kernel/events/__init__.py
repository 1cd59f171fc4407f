"""Events: written with the change (outbox), relayed after it, consumed once (inbox)."""

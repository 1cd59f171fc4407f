"""Pure mediation: what a record says, which session it continues, and how much is new in it."""

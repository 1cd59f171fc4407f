"""May this be sold here: the commercial face of feasibility."""

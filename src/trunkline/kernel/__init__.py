"""The kernel knows no telecom noun: database, events, plans, TMF engine, money, time, security."""

"""What several tests stand on: the database server of a test run, time budgets."""

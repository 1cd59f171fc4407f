"""The one linear chain of migrations: forward-only, small, with lock time-outs."""

"""The composition root: settings, wiring, HTTP, worker, command line, migrations."""

# Everything a developer does has a target here; `make` alone lists them. Works with GNU make 3.81 (macOS).

PYTHON ?= python3
VENV := .venv/bin
PYTEST := $(VENV)/python -m pytest
# Two processes are as many as the smallest machine has cores; PYTEST_ARGS adds to or overrides it.
PYTEST_ARGS ?= -n 2
COMPILE := $(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup up test test-long test-pg16 check check-types format lock entities bench conformance clean

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv with everything from the lock files (does nothing when it is current)
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
		echo "setup: $(PYTHON) was not found. Install Python 3.11 or newer with its venv module" >&2; \
		echo "(Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13)." >&2; exit 1; }
	@$(PYTHON) tools/bootstrap.py

up: setup ## start Trunkline with a demo operator and say where to look
	@$(VENV)/trunkline up

test: setup ## run the tests, then a selected part on PostgreSQL 16
	$(PYTEST) $(PYTEST_ARGS) -m "not long"
	@$(MAKE) --no-print-directory test-pg16

test-pg16: setup ## run the part of the tests that is marked pg_matrix on PostgreSQL 16
	TRUNKLINE_TEST_PG=16 $(PYTEST) $(PYTEST_ARGS) -m "pg_matrix and not long"

test-long: setup ## run the tests that take minutes
	$(PYTEST) $(PYTEST_ARGS) -m long

check: setup ## formatting, lint, types, import rules, dependencies
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	@$(MAKE) --no-print-directory check-types
	$(VENV)/lint-imports
	$(VENV)/deptry .

check-types:
	$(VENV)/mypy $(wildcard src tools tests lab/trunkline_lab bench)

format: setup ## format the code and mend what ruff can mend
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix-only --quiet .

lock: setup ## compile the lock files again (make lock UPGRADE=--upgrade: to the newest versions)
	$(COMPILE) $(UPGRADE) pyproject.toml --output-file requirements.lock
	$(COMPILE) $(UPGRADE) pyproject.toml --extra telemetry --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock
	@$(MAKE) --no-print-directory setup

entities: setup ## generate the domains' entities from the TMF contracts
	$(VENV)/python -m tools.entities

conformance: setup ## check every API against its TM Forum contract (../shared/tmf), write docs/tmf-conformance.md and .json
	$(VENV)/python -m tools.conformance

bench: setup ## run the benchmarks
	@for file in bench/*.py; do echo "== $$file"; $(VENV)/python $$file || exit 1; done

clean: ## remove what was made: the environment, caches, the demo installation of this checkout
	@if [ -f var/trunkline/run.lock ]; then $(PYTHON) -c "import fcntl; fcntl.flock(open('var/trunkline/run.lock'), \
		fcntl.LOCK_EX | fcntl.LOCK_NB)" 2>/dev/null || { echo "Trunkline runs here: stop it first." >&2; exit 1; }; fi
	rm -rf .venv web/node_modules src/trunkline/app/assets .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist var
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

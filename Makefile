# `make demo` shows the main job; `make test` installs what the tests need and runs them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps
ARGS ?=

.PHONY: help install demo test check bench soak lock schema compatibility clean

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

install: $(VENV)/.run ## .venv with the `mailwire` command in it
	@echo "ready: $(BIN)/mailwire --help"

demo: $(VENV)/.demo ## everything on this machine, with sample mails (ARGS=--once ends by itself)
	@$(BIN)/mailwire demo $(ARGS)

test: $(VENV)/.dev ## the whole test suite, on real servers
	@tests/servers/install.sh
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev ## linters, types, who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.dev ## measured beside a bare loop in the same run
	@tests/servers/install.sh
	@$(BIN)/python -m tests.bench $(ARGS)

soak: $(VENV)/.dev ## the slow faults, for minutes
	@tests/servers/install.sh
	@$(BIN)/python -m pytest -m soak $(ARGS)

compatibility: $(VENV)/.dev ## writes the README's table of servers anew
	@tests/servers/install.sh
	@MAILWIRE_COMPATIBILITY=write $(BIN)/python -m pytest tests/integration/servers

schema: $(VENV)/.dev ## writes config/mailwire.schema.json anew
	@$(BIN)/mailwire schema > config/mailwire.schema.json

lock: ## resolves the locked requirement files anew
	@requirements/lock.sh

clean: ## removes what was built here
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The command is installed from this folder, so that it is what stands here.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Mailwire needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python has no venv: install the package python3-venv (Debian: apt-get install python3-venv)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python requirements/run.txt pyproject.toml
	@echo "installing into $(VENV) ..."
	@$(PIP) -r requirements/run.txt
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.demo: $(VENV)/.run requirements/demo.txt
	@$(PIP) -r requirements/demo.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.demo requirements/dev.txt
	@$(PIP) -r requirements/dev.txt
	@touch $@

# `make demo` and `make test` need Python 3.10 or newer and make. Whatever else they need
# they install below this directory.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo simulator test coverage dev lint bench chaos soak fuzz docs screenshots clean
.NOTPARALLEL:

help:
	@echo "make demo       see what alerts look like, in half a minute, without WeCom"
	@echo "make simulator  a local WeCom with an inbox, to test against"
	@echo "make test       ruff, mypy and the tests, on every Python from 3.10 on that is here"
	@echo "make coverage   which lines and ways through them the tests take (95 % at least)"
	@echo "make dev        a .venv to work in: .venv/bin/pytest tests/unit -k name"
	@echo "make lint       ruff and mypy alone"
	@echo "make bench      what a log call costs, beside other handlers (25 minutes;"
	@echo "                make bench BENCH=--quick: a few minutes)"
	@echo "make chaos      everything goes wrong at once, ten minutes on each store"
	@echo "make soak       load for half an hour: nothing may grow, the account has to be exact"
	@echo "make fuzz       what others wrote, and worse, for ten minutes (MINUTES=)"
	@echo "make docs       the pages of docs/ as a site, in site/"
	@echo "make screenshots  the pictures of docs/, made anew (needs chromium and its driver)"
	@echo "make clean      remove what the others have made"

demo: $(VENV)/simulator
	@$(BIN)/wecom-logging demo

simulator: $(VENV)/simulator
	@$(BIN)/wecom-logging simulator

test: $(VENV)/nox $(VENV)/node-modules
	@$(BIN)/nox $(NOX)

coverage: $(VENV)/nox $(VENV)/node-modules
	@$(BIN)/nox -s coverage

lint: $(VENV)/nox
	@$(BIN)/nox -s lint

dev: $(VENV)/dev

bench: $(VENV)/bench
	@$(BIN)/python -m benchmarks $(BENCH)

# MINUTES is how long each run takes.
chaos: $(VENV)/dev
	@status=0; for store in sqlite redis memory; do \
	    $(BIN)/python -m tests.chaos.chaos --store $$store --minutes $(or $(MINUTES),10) || status=1; \
	done; exit $$status

soak: $(VENV)/dev
	@status=0; for store in sqlite memory; do \
	    $(BIN)/python -m tests.chaos.soak --store $$store --minutes $(or $(MINUTES),15) || status=1; \
	done; exit $$status

# SEED is what a run that found something has printed.
fuzz: $(VENV)/dev
	@$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

docs: $(VENV)/docs
	@$(BIN)/python docs/generate.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

screenshots: $(VENV)/dev
	@$(BIN)/python docs/screenshots.py


# Each of these files is a stamp: it is newer than what was installed by its rule.
$(VENV)/simulator: pyproject.toml
	@$(PYTHON) -c "import sys; sys.version_info < (3, 10) and sys.exit(\"Python 3.10 or newer is needed: make PYTHON=python3.x\")"
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --editable ".[simulator]"
	@touch $@

$(VENV)/nox: $(VENV)/simulator
	@$(PIP) nox
	@touch $@

# Groups of dependencies are known to pip since 25.1.
$(VENV)/pip: $(VENV)/simulator
	@$(PIP) --upgrade "pip>=25.1"
	@touch $@

$(VENV)/dev: $(VENV)/pip $(VENV)/nox
	@echo "Installing what the tests need ..."
	@$(PIP) --editable ".[redis,simulator]" --group test --group lint
	@touch $@

# WeCom's library for bots, to try the simulator with, and a second type checker. Where npm is
# not here what needs them skips.
$(VENV)/node-modules: $(VENV)/simulator
	@if command -v npm >/dev/null; then \
	    npm install --prefix $(VENV)/node --no-fund --no-audit --silent \
	        "@wecom/aibot-node-sdk@^1.0.7" "pyright@^1.1.400"; \
	fi
	@touch $@

$(VENV)/docs: $(VENV)/pip
	@echo "Installing what makes the site ..."
	@$(PIP) --editable ".[simulator]" --group docs
	@touch $@

$(VENV)/bench: $(VENV)/pip
	@echo "Installing the handlers to compare with ..."
	@$(PIP) --editable ".[redis,simulator]" --group bench
	@touch $@

clean:
	rm -rf $(VENV) .nox .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

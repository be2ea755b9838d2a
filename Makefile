# `make demo` and `make test` need Python 3.10 or newer and make. Whatever else they need
# they install below this directory.

PYTHON ?= python3
PYTEST ?= -n 2 --dist loadgroup
VENV := .venv
BIN := $(VENV)/bin

# Where the version of Python matters most, the tests also run on the others that are here.
VERSIONS := 3.10 3.12 3.13
VERSION_TESTS := $(wildcard tests/processes/test_exit.py tests/processes/test_fork.py \
    tests/processes/test_dictconfig.py tests/unit/test_grouping.py tests/unit/test_capture.py)

INSTALL = -m pip install --quiet --disable-pip-version-check --editable

.PHONY: help demo simulator test bench chaos soak lint lint-rules lint-format lint-types other-pythons clean
.NOTPARALLEL:

help:
	@echo "make demo       see what alerts look like, in half a minute, without WeCom"
	@echo "make simulator  a local WeCom with an inbox, to test against"
	@echo "make test       ruff, mypy and the tests, on every Python from 3.10 on that is here"
	@echo "make bench      what a log call costs, beside other handlers (a quarter of an hour;"
	@echo "                make bench BENCH=--quick: a few minutes)"
	@echo "make chaos      everything goes wrong at once, ten minutes on each store"
	@echo "make soak       load for half an hour: nothing may grow, the account has to be exact"
	@echo "make clean      remove what the others have made"

demo: $(VENV)/simulator
	@$(BIN)/wecom-logging demo

simulator: $(VENV)/simulator
	@$(BIN)/wecom-logging simulator

# All of it, whatever fails first; pytest comes last, so that its summary is the last line.
test: $(VENV)/dev
	@status=0; \
	$(MAKE) --no-print-directory --keep-going lint || status=1; \
	$(MAKE) --no-print-directory --keep-going other-pythons || status=1; \
	$(BIN)/python -m pytest $(PYTEST) || status=1; \
	exit $$status

bench: $(VENV)/bench
	@$(BIN)/python -m benchmarks $(BENCH)

# MINUTES is how long each run takes.
chaos: $(VENV)/dev
	@status=0; for store in sqlite redis memory; do \
	    $(BIN)/python tests/chaos/chaos.py --store $$store --minutes $(or $(MINUTES),10) || status=1; \
	done; exit $$status

soak: $(VENV)/dev
	@status=0; for store in sqlite memory; do \
	    $(BIN)/python tests/chaos/soak.py --store $$store --minutes $(or $(MINUTES),15) || status=1; \
	done; exit $$status

lint: lint-rules lint-format lint-types

lint-rules: $(VENV)/dev
	$(BIN)/ruff check

lint-format: $(VENV)/dev
	$(BIN)/ruff format --check wecom_logging tests

lint-types: $(VENV)/dev
	$(BIN)/mypy

other-pythons: $(VERSIONS:%=python-%)

python-%:
	@if ! python$* -c "" 2>/dev/null; then \
	    echo "Python $*: not here, skipped"; \
	elif [ -z "$(VERSION_TESTS)" ]; then \
	    echo "Python $*: no tests for it"; \
	else \
	    $(MAKE) --no-print-directory $(VENV)-$*/dev && \
	    echo "Python $*:" && $(VENV)-$*/bin/python -m pytest -q $(PYTEST) $(VERSION_TESTS); \
	fi

# Each of these files is a stamp: it is newer than what was installed by its rule.
$(VENV)/simulator: pyproject.toml
	@$(PYTHON) -c "import sys; sys.version_info < (3, 10) and sys.exit(\"Python 3.10 or newer is needed: make PYTHON=python3.x\")"
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(INSTALL) ".[simulator]"
	@touch $@

$(VENV)/dev: $(VENV)/simulator
	@echo "Installing what the tests need ..."
	@$(BIN)/python $(INSTALL) ".[dev]"
	@touch $@

$(VENV)/bench: $(VENV)/simulator
	@echo "Installing the handlers to compare with ..."
	@$(BIN)/python $(INSTALL) ".[bench]"
	@touch $@

$(VENV)-%/dev: pyproject.toml
	@echo "Installing into $(@D) ..."
	@python$* -m venv $(@D)
	@$(@D)/bin/python $(INSTALL) ".[version-tests]"
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-3.* .pytest_cache .mypy_cache .ruff_cache .hypothesis

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
TEST_READY := .venv/.installed-test
DEMO_READY := .venv/.installed-demo

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check fix clean

help: ## show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEMO_READY) ## install into .venv and show the network at work
	$(BIN)/mfpnet demo

test: check ## what CI runs: check, then the tests
	$(BIN)/python -m pytest

test-all: check ## the same with the slow tests
	$(BIN)/python -m pytest -m ""

check: $(TEST_READY) ## format, lint and types; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict src tests tools

fix: $(TEST_READY) ## format, and repair what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove .venv, caches and build results; runs/ stays
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp comes last, so an interrupted install is done again.
$(TEST_READY): pyproject.toml constraints.txt
	@echo "Installing the package and its test tools into .venv; PyTorch is large."
	$(PYTHON) -m venv .venv
	$(INSTALL) -e '.[test]'
	@touch $@

$(DEMO_READY): pyproject.toml constraints.txt
	@echo "Installing the package into .venv; PyTorch is large."
	$(PYTHON) -m venv .venv
	$(INSTALL) -e '.[plot]'
	@touch $@

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
TEST_READY := .venv/.installed-test
DEMO_READY := .venv/.installed-demo
PEERS_READY := .venv/.installed-peers
# Of the frameworks that do not fit beside the others: each has an environment of its own.
WEIGHTS ?= mfpnet_fast_camvid
OUT ?=
OPTIONS ?=
# Each takes 1 GB and one thread; the tests of a file share what they made, so they stay together.
# A worker that crashes ends the run: with the tests of its file gone, xdist would wait for ever.
WORKERS ?= 2
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n $(WORKERS) \
	--dist loadfile --no-loadscope-reorder --max-worker-restart 0

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check fix clean bench-tensorflow export-litert export-executorch

help: ## show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEMO_READY) ## install into .venv and show the network at work
	$(BIN)/mfpnet demo

test: check ## what CI runs: check, then the tests
	$(PYTEST)

test-all: check $(PEERS_READY) ## the same with the slow tests
	$(PYTEST) -m ""

check: $(TEST_READY) ## format, lint and types; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict src tests tools

fix: $(TEST_READY) ## format, and repair what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-tensorflow: $(TEST_READY) .venv-tensorflow/.installed ## WEIGHTS in TensorFlow and LiteRT beside PyTorch
	$(BIN)/python tools/bench_tensorflow.py $(WEIGHTS) $(OPTIONS)

export-litert: .venv-litert/.installed ## write WEIGHTS as OUT, a .tflite file, checked in LiteRT
	.venv-litert/bin/mfpnet export $(WEIGHTS) --format litert $(if $(OUT),--out $(OUT)) $(OPTIONS)

export-executorch: .venv-executorch/.installed ## write WEIGHTS as OUT, a .pte file, checked in ExecuTorch
	.venv-executorch/bin/mfpnet export $(WEIGHTS) --format executorch $(if $(OUT),--out $(OUT)) $(OPTIONS)

clean: ## remove .venv, caches and build results; runs/ stays
	rm -rf .venv .venv-tensorflow .venv-litert .venv-executorch dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# All that is installed is listed, and nothing is resolved: packages here forbid versions of each
# other that they work with.
.venv-%/.installed: constraints-%.txt
	@echo "Installing what $< lists into .venv-$*; it is large."
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# The stamp comes last, so an interrupted install is done again.
$(TEST_READY): pyproject.toml constraints.txt
	@echo "Installing the package and its test tools into .venv; PyTorch is large."
	$(PYTHON) -m venv .venv
	$(INSTALL) -e '.[test]'
	@touch $@

# Only slow tests need it, and it takes a quarter of a minute.
$(PEERS_READY): $(TEST_READY)
	$(INSTALL) -e '.[peers]'
	@touch $@

$(DEMO_READY): pyproject.toml constraints.txt
	@echo "Installing the package into .venv; PyTorch is large."
	$(PYTHON) -m venv .venv
	$(INSTALL) -e '.[plot]'
	@touch $@

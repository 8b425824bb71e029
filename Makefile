# The same targets on a laptop and in CI. Everything sets itself up: a machine needs Python 3.11, Node 20 and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
EXTRAS ?=
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := $(CURDIR)
export HF_HUB_OFFLINE ?= 1
export RAY_USAGE_STATS_ENABLED ?= 0

CONTRACTS := chain/contracts

.PHONY: help setup setup-dev run check test bench format lock train clean

help:            ## show the targets
	@grep -E '^[a-z-]+: .*##' Makefile | sed 's/:.*##/\t/' | expand -t 14

setup: $(VENV)/.ready $(VENV)/.ready-chain ## create .venv and install what the default run needs
setup-dev: $(VENV)/.ready-dev

run: setup       ## start the whole system on http://127.0.0.1:8000
	@$(BIN)/gitex up

check: setup-dev $(VENV)/.ready-contracts ## ruff, mypy strict, import-linter, forge fmt
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	node $(CONTRACTS)/forge.mjs fmt --check

test: setup-dev $(VENV)/.ready-ipfs $(VENV)/.ready-contracts $(VENV)/.ready-viem ## all tests
	$(BIN)/pytest

bench: setup-dev ## measure the engine against plain diffusers
	$(BIN)/python -m benchmarks.engine

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

train: setup-dev ## train one starter model again: make train NAME=starter-diffusion
	$(BIN)/python -m models.starter.train $(NAME)

lock:            ## resolve all versions anew and write requirements/*.lock
	deploy/lock.sh

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch comes first and alone: asked for exactly, it is the CPU build; as somebody's dependency it brings CUDA packages.
$(VENV)/.ready: requirements/base.lock pyproject.toml
	@echo "setting up $(VENV) (a few minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --disable-pip-version-check -q $$(grep -E '^torch==' requirements/base.lock)
	$(BIN)/pip install --disable-pip-version-check --progress-bar on -r requirements/base.lock
	@$(BIN)/pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@if [ -n "$(EXTRAS)" ]; then $(BIN)/pip install --disable-pip-version-check -r requirements/$(EXTRAS).lock; fi
	@touch $@

# The embedded chain's program. Without npm everything but minting works: a warning, and the next `make` tries again.
$(VENV)/.ready-chain: $(VENV)/.ready $(CONTRACTS)/package-lock.json
	@if $(BIN)/python -m chain.install; then touch $@; fi

# All that builds and tests the contracts.
$(VENV)/.ready-contracts: $(VENV)/.ready-dev $(CONTRACTS)/package-lock.json
	@$(BIN)/python -m chain.install --dev
	@touch $@

# A real IPFS node for the tests; here, because npm may take longer than a test is given.
$(VENV)/.ready-ipfs: $(VENV)/.ready-dev tests/integration/ipfs_node/package-lock.json
	$(BIN)/python -m tests.integration.ipfs_node_process
	@touch $@

# An independent client of the chain for the tests.
$(VENV)/.ready-viem: $(VENV)/.ready-dev tests/integration/chain/viem/package-lock.json
	$(BIN)/python -m tests.integration.chain.viem_client
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements/dev.lock
	@$(BIN)/pip install --disable-pip-version-check -q -r requirements/dev.lock
	@touch $@

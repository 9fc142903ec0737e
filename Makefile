# Every target sets up what it needs by itself; `make help` lists them.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Tests wait for processes half of their time, so two cores are busy with four. They start hundreds
# of processes, which had better find their modules compiled, whatever the environment says.
WORKERS ?= 4

.DEFAULT_GOAL := help
.PHONY: help run test test-faults test-interop check demo live exhibit lab bench format lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-11s %s\n", $$1, $$2}'

run: $(VENV)/stack ## everything up in the foreground: issuer, two replicas, load balancer, database
	@$(BIN)/python -m stack $(ARGS)

test: $(VENV)/dev ## the tests (ARGS="-k words" to choose)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -m "not faults and not interop" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-faults: $(VENV)/dev ## the long fault tests: processes killed, frozen and flooded, many times over
	@$(BIN)/python -m pytest -m faults $(ARGS)

test-interop: $(VENV)/dev ## clients and verifiers of others: npm, PyPI, Debian's Apache, HAProxy and oidc-agent
	@scripts/install-interop.sh
	@$(BIN)/python -m pytest -m interop tests/interop $(ARGS)

check: $(VENV)/dev ## format, lint, types, and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

demo: $(VENV)/stack ## the two-replica proof, in about a minute: sessions against tokens
	@$(BIN)/python -m lab demo $(ARGS)

live: $(VENV)/lab ## the live page on :8090: two schemes side by side, fired at and broken by you
	@$(BIN)/python -m lab live $(ARGS)

exhibit: $(VENV)/lab ## short lessons over real processes (ARGS="session-flow", "all"; none: the list)
	@$(BIN)/python -m lab exhibit $(ARGS)

lab: $(VENV)/lab ## sessions against tokens, measured: raw results and the report (ARGS="--quick", "--only E0,P1", "--resume")
	@$(BIN)/python -m lab run $(ARGS)

bench: $(VENV)/stack ## the speed figures, as ratios measured in one run
	@$(BIN)/python -m lab bench $(ARGS)

format: $(VENV)/dev ## rewrite the code in the house format
	@$(BIN)/ruff check --fix --select I .
	@$(BIN)/ruff format .

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml
lock: $(VENV)/dev ## write the lock files anew from pyproject.toml
	@$(BIN)/$(LOCK) --output-file requirements.lock
	@$(BIN)/$(LOCK) --extra stack --output-file requirements-stack.lock
	@$(BIN)/$(LOCK) --extra stack --extra lab --output-file requirements-lab.lock
	@$(BIN)/$(LOCK) --extra stack --extra lab --extra dev --output-file requirements-dev.lock

clean: ## remove the virtual environment and the state of `make run` (all its users and keys)
	rm -rf $(VENV) .sealgate

# One virtual environment; the stamp of a larger lock stands for the smaller ones too.
$(VENV)/stack: requirements-stack.lock | $(BIN)/python
	@test $(VENV)/lab -nt requirements-stack.lock || test $(VENV)/dev -nt requirements-stack.lock || \
		scripts/install.sh $(VENV) requirements-stack.lock
	@touch $@

$(VENV)/lab: requirements-lab.lock | $(BIN)/python
	@test $(VENV)/dev -nt requirements-lab.lock || scripts/install.sh $(VENV) requirements-lab.lock
	@touch $@ $(VENV)/stack

$(VENV)/dev: requirements-dev.lock | $(BIN)/python
	@scripts/install.sh $(VENV) requirements-dev.lock
	@touch $@ $(VENV)/lab $(VENV)/stack

$(BIN)/python:
	@scripts/venv.sh $(PYTHON) $(VENV)

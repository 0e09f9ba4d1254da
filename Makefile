# `make demo` and `make test` set up all they need in .venv; both work on a fresh clone with Python 3.11, git and make.
PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet

.PHONY: help demo test format lint types contract tests docs bench servers lock clean

help: ## What can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/run ## The whole system on this machine, no server needed: make demo ARGS="--for 60s"
	$(BIN)/hazmon demo $(ARGS)

test: .venv/dev servers lint types contract docs tests ## Everything that CI runs

servers:
	@bash tests/install_servers.sh

lint: .venv/dev ## Style and common mistakes
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: .venv/dev ## mypy, strict
	$(BIN)/mypy

contract: .venv/dev ## Which folder may import which
	$(BIN)/lint-imports

tests: .venv/dev ## Unit, property and acceptance tests: make tests ARGS="-k lifecycle"
	$(BIN)/pytest $(ARGS)

docs: .venv/dev ## The user's documentation, in docs/_build/html
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build/html

bench: .venv/dev ## The benchmarks, with this machine's figures
	$(BIN)/pytest tests/bench -s $(ARGS)

format: .venv/dev ## Rewrite the code in the house's layout
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: .venv/dev ## Write both lock files anew, with the newest versions allowed
	$(LOCK) --upgrade --extra build --extra dev --extra docs --extra bench -o requirements-dev.lock
	$(LOCK) --extra build -c requirements-dev.lock -o requirements.lock

clean: ## Throw away everything that can be made again
	rm -rf .venv docs/_build

# One environment for all; the stamp files say which set of packages it has.
.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("hazmon needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python requirements.lock pyproject.toml
	@test -f .venv/dev || { echo "installing hazmon into .venv, once, about a minute ..."; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/bin/python requirements-dev.lock pyproject.toml
	@echo "installing hazmon and its developer tools into .venv, once, about a minute ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

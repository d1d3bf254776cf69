PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

.PHONY: help train demo app leaderboard test test-slow check format lock

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

train: $(READY) ## train on rendered scenes and write a run folder below outputs/
	$(BIN)/python -m src.train

INPUT ?= docs/examples

demo: $(READY) ## colour the examples, or INPUT=PATH, with the shipped model, into outputs/demo
	$(BIN)/colorization colorize "$(INPUT)" -o outputs/demo --side-by-side --existing overwrite

app: $(READY) ## serve the web page on this machine: photographs, hints, downloads
	$(BIN)/colorization app

leaderboard: $(READY) ## train every recipe over three seeds, hours on a CPU, and write the tables
	$(BIN)/python -m src.leaderboard

test: $(READY) ## run the tests that take seconds
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2

test-slow: $(READY) ## run the tests that take minutes too
	$(BIN)/python -m pytest -q -m "slow or not slow"

check: $(READY) ## lint, type-check, and build the documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mkdocs build --quiet --strict --site-dir outputs/site

format: $(READY) ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY) ## pin anew: requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
		--quiet --output-file requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

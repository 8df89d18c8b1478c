# `make` alone lists the targets.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
BROWSER := $(VENV)/.browser-done

.DEFAULT_GOAL := help
.PHONY: help setup demo test fast check format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) $(BROWSER) ## Create .venv and install blendir with all it needs

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -e '.[train,dev]'
	@touch $@

$(BROWSER): $(STAMP) tests/browser.py
	-$(BIN)/python tests/browser.py && touch $@

demo: $(STAMP) ## Compile BlendNet-20 and run photographs through every stage and the C++
	$(BIN)/python -m blendir.tools.demo

test: $(STAMP) $(BROWSER) ## Run pytest, then lit
	@status=0; \
	$(BIN)/python -m pytest -n $(JOBS) || status=1; \
	$(BIN)/lit -sv -j $(JOBS) lit_tests || status=1; \
	exit $$status

fast: $(STAMP) ## Run the quick tests only
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

check: $(STAMP) ## Lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(STAMP) ## Put sources into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove what tests and tools left; .venv stays
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

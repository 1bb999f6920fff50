# Healthsift. `make` alone tells what there is.
# On your own pages: make run IN="pages more.jsonl" OUT=out/mine

VENV   := .venv
PYTHON := $(VENV)/bin/python
IN     ?= data/sample
OUT    ?= out/sample
CORPORA ?= ../shared
RUN    ?= out/sample
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run train evaluate drift bench test lint check notebooks tidy

help:  ## Tell what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.ready  ## Make the virtual environment with the locked packages

$(VENV)/.ready: requirements.lock pyproject.toml
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

run: setup  ## Clean, split and tag the pages of IN (the sample) into tables and a report in OUT
	$(PYTHON) -m pipeline run $(IN) -o $(OUT) --replace

train: setup  ## Train anew: both models from the data in CORPORA (../shared), without it the tagger from its shipped rows
ifneq ($(wildcard $(CORPORA)/corpora),)
	$(PYTHON) -m pipeline train cleaner --corpus $(CORPORA)/bench
	$(PYTHON) -m pipeline train tagger --corpus $(CORPORA)/corpora
	$(PYTHON) -m pipeline train reference --corpus $(CORPORA)
else
	@echo "no $(CORPORA)/corpora: the tagger learns from the rows in models/tagger/rows, the cleaner stays as it is"
	$(PYTHON) -m pipeline train tagger
endif

evaluate: setup  ## Score the models and check every figure against its floor
	$(PYTHON) -m pipeline evaluate

drift: setup  ## Fail if the run folder RUN (the sample's) looks unlike what the models learnt from
	@test -e $(RUN)/run.json || $(MAKE) run
	$(PYTHON) -m pipeline compare $(RUN)

bench: setup  ## Measure what each stage costs, beside the bare parse and other tools, on the pages of CORPORA
	$(PYTHON) -m pipeline bench speed --corpus $(CORPORA)/bench

test: setup  ## Run the tests
	$(PYTHON) -m pytest

lint: setup  ## Check style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

check: lint test  ## All that must hold before a commit

notebooks: setup  ## Run the notebooks on the run folder RUN (the sample's) and keep their output
	@test -e $(RUN)/run.json || $(MAKE) run
	cd notebooks && HEALTHSIFT_RUN=$(abspath $(RUN)) PYTHONPATH=.. ../$(VENV)/bin/jupyter execute --inplace *.ipynb

tidy:  ## Remove what was made: environment, output, caches
	rm -rf $(VENV) out build *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

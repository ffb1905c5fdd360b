# Everything runs in a virtual environment of its own, made on first use.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help run test test-real lint docs wheel table1 table2 table3 figure1 report bench clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z0-9 -]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "error: $(PYTHON) is not Python 3.11 to 3.13; set PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

run: $(INSTALLED)  ## train SASRec with the uniformity objective on synthetic data
	$(BIN)/python -m uniseq.run trainer.max_epochs=40

test: $(INSTALLED)  ## the tests: no network, no GPU, no data needed
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

test-real: $(INSTALLED)  ## the tests on the benchmark files in UNISEQ_DATA_DIR
	$(BIN)/python -m pytest -m real_data

lint: $(INSTALLED)  ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(INSTALLED)  ## build the site into docs/_build/html, offline; a warning is an error
	$(BIN)/python -m sphinx -b html --fail-on-warning --keep-going --quiet docs docs/_build/html
	@! grep -rlE '<(script|link|img)[^>]+(src|href)="https?://' docs/_build/html || \
		{ echo "error: these pages fetch something from elsewhere"; exit 1; }

wheel: $(INSTALLED)  ## build the wheel into dist/
	$(BIN)/python -m build --wheel

# Narrowed or on several cores with OPTIONS="dataset=beauty hydra/launcher=joblib hydra.launcher.n_jobs=2".
table1 table2 table3 figure1: $(INSTALLED)  ## an experiment of the paper, gone on with where it was, and the report
	$(BIN)/python -m uniseq.run experiment=$@ $(OPTIONS); status=$$?; $(MAKE) report && exit $$status

report: $(INSTALLED)  ## tables, tests, curves and claims of the records in experiments/results
	$(BIN)/python -m uniseq.report experiments/results

bench: $(INSTALLED)  ## speed against RecBole, RecTools and RePlay; needs UNISEQ_DATA_DIR
	$(MAKE) -C experiments/bench

clean:  ## remove the environment and everything built
	rm -rf $(VENV) dist build docs/_build .pytest_cache .mypy_cache .ruff_cache

# Everything runs in a virtual environment of its own, made on first use: with what the package needs
# for `make run`, with all that its development needs for the rest.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
LIGHT := $(VENV)/.installed-light
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/pip install --quiet --constraint constraints.txt
# The next release of Hydra, in an environment that has all else from the first one.
NEXT := $(VENV)-hydra-next
HYDRA_NEXT := hydra-core==1.4.0rc3 omegaconf==2.4.1rc1
HYDRA_NEXT_TESTS ?= tests/config tests/commands tests/sweep/test_grid.py

.PHONY: help run test test-real test-hydra-next lint docs wheel table1 table2 table3 figure1 report bench clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z0-9 -]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "error: $(PYTHON) is not Python 3.11 to 3.13; set PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(LIGHT): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev]'
	touch $(LIGHT) $@

run: $(LIGHT)  ## train SASRec with the uniformity objective on synthetic data
	$(BIN)/python -m uniseq.run trainer.max_epochs=40

test: $(INSTALLED)  ## the tests: no network, no GPU, no data needed
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

test-real: $(INSTALLED)  ## the tests on the benchmark files in UNISEQ_DATA_DIR
	$(BIN)/python -m pytest -m real_data

$(NEXT)/.installed: Makefile $(INSTALLED)
	$(BIN)/python -m venv --clear --without-pip $(NEXT)
	site=$$($(NEXT)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
		$(BIN)/pip install --quiet --no-deps --target $$site $(HYDRA_NEXT) && \
		$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % \
			sysconfig.get_path("purelib"))' > $$site/rest.pth
	touch $@

test-hydra-next: $(NEXT)/.installed  ## the tests that Hydra has a part in, with its next release
	$(NEXT)/bin/python -m pytest --numprocesses auto --dist loadfile $(HYDRA_NEXT_TESTS)

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
	rm -rf $(VENV) $(NEXT) dist build docs/_build .pytest_cache .mypy_cache .ruff_cache

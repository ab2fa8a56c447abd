# `make` prints what there is. Every target sets up what it needs; the second call starts at once.
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2
# make bundle BUNDLE="--platform windows --python 3.12" writes less than all.
BUNDLE ?=
export VENV
# The numbers of one test must not depend on how many tests run beside it. Many tests start the
# command in a process of its own: what Python compiled of our modules is kept between them.
TEST_ENV := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check style types imports docs units spark bench picture manual format lock bundle clean

help:  ## print what there is
	@printf 'fingerpost: make TARGET\n\n'
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nNeeds Python 3.11 or newer (make PYTHON=/path/to/python ...); uses uv when it is on the path.\n'

demo: $(VENV)/.stamp-demo  ## set up, run real studies, write a report for each and an index
	$(BIN)/fingerpost demo

test: check docs units  ## set up, then everything that CI holds: style, types, imports, manual, tests

check: style types imports  ## style, types and import rules only

style: $(VENV)/.stamp-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.stamp-test
	$(BIN)/mypy

imports: $(VENV)/.stamp-test
	$(BIN)/lint-imports

# In the order of folders, not of files with most tests first: the longest files are acceptance and
# suites, of few tests each, and would be left to one worker at the end.
# Assertions as they stand, for to write them all anew takes each worker a quarter of a minute before
# its first test. What fails is run once more with them written anew, so that their values are told.
units: $(VENV)/.stamp-test  ## the tests only
	$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
		--assert=plain --durations=10 || { \
		$(TEST_ENV) $(BIN)/python -m pytest -q --last-failed --last-failed-no-failures none; exit 1; }

docs: $(VENV)/.stamp-test  ## build the manual into build/site (works without a network)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

spark: $(VENV)/.stamp-test  ## every query on DuckDB and Spark side by side (needs Java; takes minutes)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[spark]'
	FINGERPOST_TEST_SPARK=1 $(TEST_ENV) $(BIN)/python -m pytest -q -n 0 -k spark \
		tests/suites/test_engines.py tests/suites/test_engines_agree.py tests/units/engines

bench: $(VENV)/.stamp-bench  ## measure speed and memory against peers; writes tables of benchmarks/
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/records_tasks.py
	$(BIN)/python benchmarks/linkage_speed.py --only fellegi_sunter deterministic
	$(BIN)/python benchmarks/rollouts.py --write
	$(BIN)/python benchmarks/trials.py --write

picture: $(VENV)/.stamp-demo  ## draw the README's picture again (needs the ECLS-K table)
	$(BIN)/python scripts/picture.py

manual: $(VENV)/.stamp-demo  ## write the manual's pages on estimators and sensitivity again
	$(BIN)/python scripts/manual.py
	$(BIN)/python scripts/manual_phenotypes.py

format: $(VENV)/.stamp-test  ## put the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:  ## renew requirements/*.txt from pyproject.toml (needs uv)
	scripts/lock.sh

bundle: $(VENV)/.stamp-demo  ## write build/bundle: all that an installation without a network needs
	$(BIN)/python scripts/bundle.py $(BUNDLE)

clean:  ## remove what was built (not the environment)
	rm -rf build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(VENV)/.stamp-test: requirements/data.txt

# One stamp for each locked set; a new lock or new project file makes it stale.
$(VENV)/.stamp-%: requirements/%.txt pyproject.toml scripts/setup.sh
	@scripts/setup.sh $*
	@touch $@

# Two commands do everything: make reports, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile
NEVER_IMPORTED := /(tests?|pip|setuptools|fontTools)/

.PHONY: help install reports test bias lab lint lock notebooks clean

help:
	@echo "make reports    run every notebook on its shipped cohort, write reports/*.html"
	@echo "make test       every test, the notebooks included"
	@echo "make bias       500 cohorts of each simulated world, goes on where it ended"
	@echo "make lab        open JupyterLab on the notebooks"
	@echo "make notebooks  build the notebooks from their text twins and execute them"
	@echo "make lint       ruff"
	@echo "make lock       resolve pyproject.toml into requirements.lock (needs uv)"
	@echo "make clean      remove .venv and written reports"

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "crlm needs Python 3.11, 3.12 or 3.13, this is %d.%d. Try: make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	@# The pip that comes with Python may be old: one of 2023 takes twice as long for the rest.
	sed -n '/^pip==/,/[^\\]$$/p' requirements.lock > $(VENV)/pip.lock
	$(PIP) --require-hashes -r $(VENV)/pip.lock
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@# Pip would compile all of it on one core; imports may be told to write nothing.
	$(BIN)/python -m compileall -qq -j 0 -x '$(NEVER_IMPORTED)' $(VENV)/lib crlm
	@touch $@

reports: $(STAMP)
	$(BIN)/crlm run

test: $(STAMP)
	@# Assertions are rewritten to tell their values, for 14 s: what fails is run again with them.
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder --assert=plain || \
	  { $(BIN)/python -m pytest --last-failed --last-failed-no-failures none; exit 1; }

bias: $(STAMP)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/bias.py --cohorts 500

lab: $(STAMP)
	$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks

lint: $(STAMP)
	$(BIN)/ruff check crlm tests benchmarks notebooks
	$(BIN)/ruff format --check crlm tests benchmarks notebooks

notebooks: $(STAMP)
	@$(BIN)/python -m crlm.twins notebooks
	$(BIN)/jupytext --quiet --to ipynb --update notebooks/*.md
	$(BIN)/jupyter nbconvert --log-level WARN --to notebook --execute --inplace \
	  --ExecutePreprocessor.record_timing=False notebooks/*.ipynb
	$(BIN)/jupytext --quiet --sync notebooks/*.ipynb
	@touch notebooks/*.md  # JupyterLab does not open a notebook that is newer than its twin

lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-strip-extras --no-emit-index-url --no-emit-find-links --no-annotate --no-header -q -o requirements.lock

clean:
	rm -rf $(VENV) reports/*_figures reports/*.html reports/*.ipynb reports/*.json reports/*.csv reports/.*.lock reports/.*.part-* reports/.*.ready

# Everything here is a short cover over pip and .venv/bin/chainrule.

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -q -c constraints.txt -e
SAMPLE := grading/sample
CLASS := grading/sample-class

export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export NO_COLOR := 1

.DEFAULT_GOAL := help
.PHONY: help course test lint cohort attacks bench fuzz build proofs constraints

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

course: $(VENV)/.lab  ## install the course and open it in JupyterLab (PORT=8890, ARGS=--no-browser)
	@$(BIN)/chainrule lab $(if $(PORT),--port $(PORT)) -- $(ARGS)

test:  ## install what the tests need and run them all
	@sh .ci/system-packages python3-venv bubblewrap chromium postgresql
	@$(MAKE) --no-print-directory $(VENV)/.test lint
	$(BIN)/chainrule build --check
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadscope \
	    -p tests.notebooks.history --nbval-lax solutions
	$(BIN)/python -m pytest -n 2 --dist loadfile

attacks: $(VENV)/.test  ## try to cheat, stop and poison the grader, and plain nbgrader (ARGS=--ours)
	@sh .ci/system-packages bubblewrap
	$(BIN)/python -m tests.attacks $(ARGS)

bench: $(VENV)/.test  ## measure the grader and nbgrader on this machine (ARGS=--full)
	@sh .ci/system-packages bubblewrap
	$(BIN)/python -m tests.benchmarks $(ARGS)

fuzz: $(VENV)/.fuzz  ## fuzz intake and the decoder of observations with atheris
	$(BIN)/python -m pytest -m fuzz tests/fuzz

lint: $(VENV)/.test  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

cohort: $(VENV)/.grade  ## grade a sample class of 30 on unit 01 and compare with its known scores
	@sh .ci/system-packages bubblewrap
	@rm -rf $(SAMPLE) $(CLASS)
	$(BIN)/chainrule cohort 01 --learners 30 --out $(SAMPLE) --seed 7
	$(BIN)/chainrule grade 01 --submissions $(SAMPLE)/submitted --class $(CLASS)
	$(BIN)/chainrule export 01 --class $(CLASS) --format csv --out $(CLASS)/scores.csv
	$(BIN)/chainrule report 01 --class $(CLASS) --out $(CLASS)/report.html
	@echo "The class at a glance: $(CURDIR)/$(CLASS)/report.html"
	@$(BIN)/python tests/packaging/same_scores.py $(CLASS)/scores.csv $(SAMPLE)/truth.csv

build: $(VENV)/.author  ## make course/ from solutions/
	$(BIN)/chainrule build

proofs: $(VENV)/.author  ## prove every unit again, changed or not
	$(BIN)/chainrule build --check --fresh

constraints: $(VENV)/.test  ## write constraints.txt again from what is installed in .venv
	@grep '^#' constraints.txt > $(VENV)/constraints.txt
	@$(BIN)/python -m pip freeze --exclude-editable | grep '==' | sed 's/+cpu$$//' \
	    >> $(VENV)/constraints.txt
	@cp $(VENV)/constraints.txt constraints.txt
	@echo "constraints.txt pins $$(grep -c == constraints.txt) packages."

# The environment. Each stamp says that an extra is installed in the versions of constraints.txt.

$(VENV)/.made:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	    then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "No Python 3.11 or newer is on your PATH. Install one, or name it:" >&2; \
	    echo "    make $(or $(MAKECMDGOALS),course) PYTHON=/path/to/python3" >&2; exit 2; \
	fi; \
	if ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$found cannot make an environment: its venv package is missing. On Debian and" >&2; \
	    echo "Ubuntu: sudo apt-get install python3-venv. Then run make again." >&2; exit 2; \
	fi; \
	echo "Making .venv with $$($$found --version)."; \
	$$found -m venv $(VENV)
	@touch $@

$(VENV)/.lab $(VENV)/.grade $(VENV)/.author $(VENV)/.test $(VENV)/.fuzz: $(VENV)/.%: \
	    $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing what '$*' needs; the first time this takes some minutes."
	@$(INSTALL) ".[$*]"
	@touch $@

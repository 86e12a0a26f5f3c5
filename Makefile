# `make` lists what can be done. Everything runs in .venv, made on first use and brought up to date when
# requirements.txt has changed.

PYTHON ?= $(or $(shell command -v python3.11 2>/dev/null),$(shell command -v python3 2>/dev/null),python3.11)
ADDRESS ?= localhost
PORT ?= 8501
WORKERS ?= 2
CPU ?=

VENV := .venv
IN_VENV := $(VENV)/bin/python
INSTALLED := $(VENV)/installed
WITHOUT_GPU := $(VENV)/without-gpu.txt
PIP = $(IN_VENV) -m pip install --disable-pip-version-check --no-input
CPU_WHEELS = $(shell sed -nE 's/^(torch|torchvision)==([0-9.]+)$$/\1==\2+cpu/p' requirements.txt)

.DEFAULT_GOAL := help
.PHONY: help setup run test lint phone format clean

help:  ## List these targets
	@sed -n 's/^\([a-z]*\):.*## */\1\t/p' Makefile | expand -t 10
	@echo "Settings: PYTHON=$(PYTHON) ADDRESS=$(ADDRESS) PORT=$(PORT) WORKERS=$(WORKERS), as in: make run PORT=8600"
	@echo "ADDRESS=0.0.0.0 lets other machines of your network in."
	@echo "CPU=1 installs PyTorch without what GPUs need (4 GB less), where the package index has such a build."

run: $(INSTALLED)  ## Set up what is missing, start the dashboard, print its address
	@$(IN_VENV) -m streamlit run dashboard/app.py --server.address $(ADDRESS) --server.port $(PORT) \
		--server.showEmailPrompt false

setup: $(INSTALLED)  ## Make the virtual environment and install what is needed, no more

test: $(INSTALLED)  ## Run all tests (the browser's need chromium; the real cells' need LEUKOLENS_DATA)
	@$(IN_VENV) -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED)  ## Check style and types
	@$(IN_VENV) -m ruff check .
	@$(IN_VENV) -m ruff format --check .
	@$(IN_VENV) -m mypy

phone: $(INSTALLED)  ## Build the offline app for phones into phone/app (needs Node.js with npm)
	@command -v node >/dev/null && command -v npm >/dev/null || { \
		echo "The phone's app is built with Node.js 18 or later and npm, which were not found." >&2; \
		echo "On Debian: apt-get install nodejs npm. Everything else of LeukoLens does without." >&2; exit 1; }
	@cd phone && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && node build.mjs
	@$(IN_VENV) -m phone.models phone/app

format: $(INSTALLED)  ## Put the code into the one format
	@$(IN_VENV) -m ruff check --fix .
	@$(IN_VENV) -m ruff format .

clean:  ## Remove the virtual environment and every cache
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements.txt | $(IN_VENV)
	@echo "Installing what LeukoLens needs into $(VENV) (some minutes the first time)"
	@test -n "$(CPU)" || command -v nvidia-smi >/dev/null || \
		echo "No GPU was found: 4 of the 7 GB are for one. 'make clean' and 'make $(or $(MAKECMDGOALS),setup) CPU=1' save them."
	@rm -f $(WITHOUT_GPU)
	@test -z "$(CPU)" || { \
		$(PIP) --no-deps $(CPU_WHEELS) \
			&& sed -E '/^(torch|torchvision|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)==/d' requirements.txt >$(WITHOUT_GPU); } || \
		echo "The package index has no build of these versions for the processor alone: the whole one is installed."
	@$(PIP) -r $$(test -e $(WITHOUT_GPU) && echo $(WITHOUT_GPU) || echo requirements.txt)
	@touch $@

$(IN_VENV):
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "LeukoLens needs Python 3.11 or later, and '$(PYTHON)' was not found." >&2; \
		echo "On Debian: apt-get install python3.11 python3.11-venv. Elsewhere: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "LeukoLens needs Python 3.11 or later; '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1)." >&2; \
		echo "Name a later one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make a virtual environment. On Debian: apt-get install python3.11-venv" >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

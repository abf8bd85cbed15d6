# Everything happens in .venv; the only things needed beforehand are Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MARK := $(VENV)/.installed
SERVE ?= 1
PORT ?= 8000
export OPENBLAS_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false
export HF_HUB_OFFLINE ?= 1
export LITELLM_LOCAL_MODEL_COST_MAP ?= True

DEMO := SHELFWISE_DATA_DIR=var/demo SHELFWISE_AS_OF=last-event SHELFWISE_CURRENCY=EUR

.PHONY: demo test test-all check lint types imports bench fixtures clean

$(MARK): pyproject.toml requirements.lock
	@echo "Setting up $(VENV) (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar on -c requirements.lock torch==2.13.0
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar on -c requirements.lock -e '.[dev]'
	@touch $(MARK)

demo: $(MARK)  ## load the demo shop, train, print two slates, serve (SERVE=0 ends after printing)
	$(DEMO) $(BIN)/shelfwise import fixtures/shop
	$(DEMO) $(BIN)/shelfwise train
	$(DEMO) $(BIN)/shelfwise recommend gamer
	$(DEMO) $(BIN)/shelfwise recommend student
ifeq ($(SERVE),1)
	$(DEMO) $(BIN)/shelfwise serve --port $(PORT)
endif

test: $(MARK)  ## the test suite
	$(BIN)/python -m pytest

test-all: $(MARK)  ## the test suite with the slow rest
	$(BIN)/python -m pytest -m ''

lint: $(MARK)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(MARK)
	$(BIN)/mypy

imports: $(MARK)
	$(BIN)/lint-imports

check: lint types imports test  ## everything that must hold before a commit

bench: $(MARK)  ## measures what docs/benchmarks.md reports
	$(BIN)/python -m evals.load.bench

fixtures: $(MARK)  ## regenerates the demo shop (byte for byte the same)
	$(BIN)/python -m fixtures.generate

clean:
	rm -rf var build dist .mypy_cache .ruff_cache .pytest_cache

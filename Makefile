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

# make demo MODEL=simulated: a program that plays a model provider (docs/simulated.md); MODEL=<litellm id> a real one.
MODEL ?=
SIMULATED_PORT ?= 8099
ifeq ($(MODEL),simulated)
LLM := SHELFWISE_LLM_MODEL=openai/simulated-ranker SHELFWISE_LLM_API_BASE=http://127.0.0.1:$(SIMULATED_PORT)/v1 \
	SHELFWISE_LLM_API_KEY=none SHELFWISE_LLM_PRICE_INPUT_USD=0.15 SHELFWISE_LLM_PRICE_OUTPUT_USD=0.60
else ifneq ($(MODEL),)
LLM := SHELFWISE_LLM_MODEL=$(MODEL)
endif

DEMO_SHOP := SHELFWISE_DATA_DIR=var/demo SHELFWISE_AS_OF=last-event SHELFWISE_CURRENCY=EUR
DEMO := $(LLM) $(DEMO_SHOP)

.PHONY: load prompts quality demo test test-all check lint types imports audit bench fixtures clean

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
	SHELFWISE_LLM_MODEL= $(DEMO_SHOP) $(BIN)/shelfwise recommend gamer
	SHELFWISE_LLM_MODEL= $(DEMO_SHOP) $(BIN)/shelfwise recommend student
ifeq ($(SERVE),1)
	@echo "The demo shop will be at http://127.0.0.1:$(PORT)"
ifeq ($(MODEL),simulated)
	$(BIN)/python -m evals.simulated --port $(SIMULATED_PORT) & provider=$$!; trap "kill $$provider" EXIT; \
		$(DEMO) $(BIN)/shelfwise serve --port $(PORT)
else
	$(DEMO) $(BIN)/shelfwise serve --port $(PORT)
endif
endif

test: $(MARK)  ## the test suite, a file at a time on each of two cores
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: $(MARK)  ## the test suite with the slow rest
	@if command -v npm >/dev/null; then npm install --prefix tests/api/ai_sdk --no-package-lock --no-audit --no-fund --silent; fi
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m ''

lint: $(MARK)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(MARK)
	$(BIN)/mypy

imports: $(MARK)
	$(BIN)/lint-imports

check: lint types imports test  ## everything that must hold before a commit

audit: $(MARK)  ## weaknesses in the code, licences, known vulnerabilities; writes dist/sbom.json
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar on -c requirements.lock -e '.[audit]'
	$(BIN)/bandit --quiet --recursive app -c pyproject.toml
	$(BIN)/python .ci/supply_chain.py

bench: $(MARK)  ## measures what docs/benchmarks.md reports
	$(BIN)/python -m evals.load.bench
	$(BIN)/python -m evals.load.model_bench
	$(BIN)/python -m evals.load.events_bench
	$(BIN)/python -m evals.load.shelf_bench
	$(BIN)/shelfwise eval load --scenario mixed --workers 2 --seconds 300 --rate 12 --data var/demo --out var/bench/load
	$(BIN)/python -m evals.load.chat_bench
	$(BIN)/python -m evals.load.browser_bench --data var/demo

load: $(MARK)  ## every scenario of docs/load.md but the outage of 100,000 requests; writes docs/load
	$(BIN)/shelfwise eval load --data var/demo --out docs/load

# Replies of the SIMULATED provider are recorded and then judged from the record alone: nothing to go stale, nobody paid.
PROMPT ?= rerank/v1
PROMPTS_OUT ?= var/prompts-ci
PROMPTS = $(BIN)/shelfwise eval prompts --prompt $(PROMPT) --no-variants --shuffles 0

prompts: $(MARK)  ## the prompt suite with the simulated provider, then again from its recorded replies
	rm -rf $(PROMPTS_OUT)
	$(PROMPTS) --simulated --knobs ttft_ms=0,tokens_per_s=0 --out $(PROMPTS_OUT)
	@begun=$$(date +%s); timeout 90 $(PROMPTS) --recorded $(PROMPTS_OUT)/replies-openai-simulated-ranker.jsonl \
		--out $(PROMPTS_OUT)/recorded; ended=$$?; \
		echo "recorded suite: $$(($$(date +%s) - begun)) s of the 90 allowed"; exit $$ended

# Where the real data lie; what is not there is left out. The demo shop is always measured.
QUALITY_DATA ?= ../shared/data
RETAIL := $(QUALITY_DATA)/online_retail_ii
RETAIL_CUTS := --cut 2011-09-01 --validation-cut 2011-06-01 --currency GBP
GROCER := $(QUALITY_DATA)/dunnhumby
# To see that every command runs: make quality QUALITY_FLAGS=--quick SCALING=--size=1 QUALITY=var/quick QUALITY_PAGE=var/quick.md
QUALITY ?= docs/quality
QUALITY_PAGE ?= docs/quality.md
QUALITY_FLAGS ?=
SCALING ?=
RANKING = $(BIN)/shelfwise eval ranking $(QUALITY_FLAGS) --out $(QUALITY)

quality: $(MARK)  ## measures what docs/quality.md reports, and writes it (about half an hour)
	$(RANKING) --data fixtures/shop --protocol novel --cold --tradeoff
ifneq ($(wildcard $(RETAIL)),)
	$(RANKING) --data $(RETAIL) --protocol novel $(RETAIL_CUTS) --cold
	$(RANKING) --data $(RETAIL) --protocol any $(RETAIL_CUTS)
	$(RANKING) --data $(RETAIL) --protocol leave-last-out --currency GBP
endif
ifneq ($(wildcard $(GROCER)),)
	$(RANKING) --data $(GROCER) --by-category --protocol novel --currency USD
endif
	$(BIN)/shelfwise eval scaling $(SCALING) --out $(QUALITY)
	$(BIN)/shelfwise eval page --from $(QUALITY) --to $(QUALITY_PAGE)

fixtures: $(MARK)  ## regenerates the demo shop (byte for byte the same)
	$(BIN)/python -m fixtures.generate

clean:
	rm -rf var build dist .mypy_cache .ruff_cache .pytest_cache

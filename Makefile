# Everything a fresh machine needs is done here; Python 3.11+, make and git are assumed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# ipykernels that are tested besides the installed one; each in a folder of its own
OLDER  := $(VENV)/kernels/6.29.5 $(VENV)/kernels/7.3.0
# Binance's clients that the venue is tested with; python-binance and binance-connector share a package
CLIENTS := $(patsubst tests/clients/requirements/%.txt,$(VENV)/clients/%/.installed,$(wildcard tests/clients/requirements/*.txt))

# what times browsers, loops and other people's clients runs alone; all other tests share the cores
ALONE  := browser clients wire
SHARED := $(filter-out $(ALONE:%=tests/%/) tests/benchmarks/,$(wildcard tests/*/))
SHARED_TESTS = $(PYTEST) --numprocesses 2 --dist worksteal $(SHARED) $(wildcard tests/test_*.py)
ALONE_TESTS  = $(PYTEST) --nbval --nbval-current-env $(ALONE:%=tests/%) notebooks

.PHONY: lab demo test test-long check bench clients extension browser redis clean

lab: $(STAMP)          ## open JupyterLab on notebooks/01_quickstart.ipynb
	$(BIN)/quantlab lab

demo: $(STAMP)         ## run the quickstart headless and print what happened
	$(BIN)/quantlab demo

test: $(STAMP) $(OLDER) clients browser redis       ## all tests, at sizes that fit
	$(SHARED_TESTS)
	$(ALONE_TESTS)

test-long: $(STAMP) $(OLDER) clients browser redis  ## all tests, at the sizes that the issues state
	$(SHARED_TESTS) --full
	$(ALONE_TESTS) --full

check: $(STAMP)        ## format, lint, types, contracts, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

bench: $(STAMP)        ## benchmarks: print JSON, assert nothing
	for each in tests/benchmarks/bench_*.py; do $(BIN)/python $$each || exit 1; done

clients: $(CLIENTS)    ## Binance's clients for the tests, each in an environment of its own

extension: $(STAMP)    ## build extension/labextension from its sources; the only target that needs Node
	@command -v npm >/dev/null || { echo "needs Node 20 or newer with npm; quantlab itself needs none"; exit 1; }
	cd extension && npm ci && npm run compile && npm test
	$(BIN)/jupyter-builder build extension
	$(BIN)/python extension/seal.py

browser:               ## Chromium for the browser tests, where root may install it
	@for each in chromium chromium-browser google-chrome google-chrome-stable; do \
		if command -v $$each >/dev/null; then exit 0; fi; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing Chromium for the browser tests"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
			chromium fonts-dejavu-core >/dev/null; \
	fi || true; \
	command -v chromium >/dev/null || echo "no Chromium: browser tests are skipped (Debian: apt-get install chromium)"

redis:                 ## redis-server for the tests of models, where root may install it
	@if ! command -v redis-server >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing redis-server for the tests of models"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
			redis-server >/dev/null; \
	fi || true; \
	command -v redis-server >/dev/null || echo "no redis-server: its tests are skipped (Debian: apt-get install redis-server)"

clean:                 ## remove what the other targets made
	rm -rf extension/node_modules extension/lib
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage dist build

$(STAMP): pyproject.toml extension/install.json $(wildcard extension/labextension/sources.sha256)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "needs Python 3.11+ with venv (Debian: apt-get install python3-venv)"; exit 1; }
	$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PIP) --editable '.[lab,test,dev]'
	touch $(STAMP)

$(VENV)/kernels/%: | $(STAMP)
	$(PIP) --no-deps --target $@.part ipykernel==$* nest-asyncio
	mv $@.part $@

$(VENV)/clients/%/.installed: tests/clients/requirements/%.txt | $(STAMP)
	rm -rf $(@D)
	$(BIN)/python -m venv --without-pip $(@D)
	$(BIN)/python -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check --no-compile -r $<
	touch $@

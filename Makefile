# Everything people and CI do with the project.  `make` alone lists it.

VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
KERNELS := $(shell find monitor -name '*.pyx' -o -name '*.pxd')

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test faults-short faults check bench bench-report bench-smoke services docs clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r name what; do \
		printf '  make %-12s %s\n' "$$name" "$$what"; done

install: $(INSTALLED) ## .venv with everything in it, kernels compiled

$(INSTALLED): pyproject.toml constraints.txt setup.py tools/install.sh $(KERNELS)
	@tools/install.sh

demo: install ## two models, real flights, an embedded broker and the daemon: watch drift being found
	@$(VENV)/bin/driftgauge demo

# Without the services their tests are skipped, each saying why; with REQUIRE_SERVICES=1 that is a failure.
test: install ## the whole suite, with real Kafka, Prometheus and Alertmanager where they can be had
	@tests/services/install.sh || test "$(REQUIRE_SERVICES)" != 1
	@$(RUN) -m pytest --ignore=tests/faults $(PYTEST)

faults-short: install ## the faults that matter most, once each: some minutes
	@tests/services/install.sh
	@REQUIRE_SERVICES=1 $(RUN) -m pytest tests/faults $(PYTEST)

faults: install ## every fault, each several times over (FAULT_ROUNDS=4), on real brokers: half an hour, ends with the fault table
	@tests/services/install.sh
	@FAULT_ROUNDS=$(or $(FAULT_ROUNDS),4) REQUIRE_SERVICES=1 $(RUN) -m pytest tests/faults $(PYTEST)

check: install ## linter, format, types, import floors
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) -m pytest -q tests/unit/test_floors.py

bench: install services ## what it costs, as ratios against peers in the same run: one table, and build/bench.json (BENCH=--long)
	@$(RUN) -m benchmarks $(BENCH)

bench-report: install ## the tables of docs/performance.md from build/bench.json
	@$(RUN) -m benchmarks.report

bench-smoke: install services ## the same with small numbers: fails on a wrong outcome, never on time
	@$(RUN) -m benchmarks --smoke --json build/bench-smoke.json

services: ## Kafka, Prometheus and Alertmanager into .services/
	@tests/services/install.sh

docs: install ## the reference pages in docs/, the rules and the dashboards in deploy/, from the code
	@$(RUN) -m monitor.cli.reference_docs docs
	@$(RUN) -m monitor rules > deploy/prometheus/rules.yml
	@$(RUN) -m monitor rules --format prometheusrule > deploy/kubernetes/monitoring/prometheusrule.yaml
	@$(RUN) -m tools.dashboards deploy/grafana/dashboards

clean: ## remove what the others made
	rm -rf $(VENV) .services build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find monitor -name '*.so' -delete

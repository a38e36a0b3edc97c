# The short forms of what people do here. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The names of what is typed after a target: a verb refuses those that it does not know, before it does anything.
export EMBARGO_BUTLER_TYPED := $(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),$(name)))
# What is typed after a target is a text, for programs to read from their environment: an object's name may stand in it, and neither make
# nor a shell may run what that says.
$(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),$(eval override export $(name) := $$(value $(name)))))

# Each of these is a verb of the operators' command line; embargo_butler/release/targets.py knows which variables it reads.
VERBS := environments status trace report trigger backfill visits set-aside pause resume plan diff apply rollback unlock take-over audit \
    buckets buckets-apply renew withdraw import config vault-policy pin promote
.PHONY: $(VERBS) help demo expose demo-down check test soak bench lint types unit chart docs readme requirements

export EMBARGO_BUTLER_CACHE ?= $(HOME)/.cache/embargo-butler

# Python lives in the cache, one for each state of the lock: the operators' verbs need little of what is needed to work on this project.
OPERATING := $(filter $(VERBS),$(MAKECMDGOALS))
GROUPS := $(if $(OPERATING),--no-default-groups --group operator,--all-groups)
VENV := $(EMBARGO_BUTLER_CACHE)/$(if $(OPERATING),verbs,venv)-$(shell cat uv.lock Makefile | sha256sum | cut -c1-16)
PYTHON := $(VENV)/bin/python
READY := $(VENV)/ready
SITE := /var/lib/embargo-butler-rig
export PATH := $(VENV)/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1
export UV_CACHE_DIR := $(EMBARGO_BUTLER_CACHE)/uv
export PIP_CACHE_DIR := $(EMBARGO_BUTLER_CACHE)/pip

##> Begin here
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## |^##> ' $(MAKEFILE_LIST) \
	    | sed -E 's/^##> (.*)/\n\1/; s/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

demo: $(READY) ## bring up a real site on this machine and send an exposure through it
	@$(PYTHON) -m tests.rig demo

expose: $(READY) ## one exposure more on that site, as it is
	@$(PYTHON) -m tests.rig expose

demo-down: $(READY) ## take that site away, without a trace but the cache
	@$(PYTHON) -m tests.rig down

##> See an environment, and its images (ENV=summit; OUTPUT=json for programs)
environments: ## list the environments: cluster, namespace, tags, replicas
status: ## ENV=... [WATCH=30 PIPELINE_ONLY=1]: an environment on one screen; fails when something is not well
trace: ## ENV=... EXPOSURE=MC_O_... [ROWS=1 NO_BUTLER=1], or NIGHT=20260603: how far its files have come, why no further, what mends it
report: ## ENV=... NIGHT=20260603 [FILE=...]: a night as one page

##> Set images going
trigger: ## ENV=... EXPOSURE="..." [THROUGH=webhook FORCE=1 DRY_RUN=1]: announce by hand, and follow
backfill: ## ENV=... SINCE=6h [UNTIL=1h IN_BUTLER=1 MAX=5000 APPLY=1]: what was never announced, or given up; APPLY=1 queues it
visits: ## ENV=... [SINCE=24h UNTIL=1h APPLY=1]: exposures without a visit; APPLY=1 defines them
set-aside: ## ENV=... FILES="..." [RETURN=1 LIST=1]: take files off the lists by name, where they block a worker; RETURN=1 queues them again
pause: ## ENV=...: ingest to no pods, over releases too; what arrives waits in Redis
resume: ## ENV=...: ingest back to what it was

##> Change an environment
plan: ## ENV=...: what an apply would change in Kubernetes, in Secrets and in buckets
diff: ## ENV=...: what an apply would change in Kubernetes
apply: ## ENV=...: show the diff, ask, install or upgrade
rollback: ## ENV=... [REVISION=...]: show the diff, ask, go back to an earlier revision
unlock: ## ENV=...: free a release that a killed Helm left pending
take-over: ## ENV=... [BACK=1]: put the chart over manifests that run without Helm; all is put back if it fails
audit: ## ENV=...: whether what is there is still as declared

##> The object store, with your Vault login or AWS profile
buckets: ## ENV=...: what would change of topics, notifications and policies
buckets-apply: ## ENV=...: change them
renew: ## ENV=... TOPIC=...: a new topic in the place of one whose queue is stuck, and nothing is lost
withdraw: ## ENV=... [APPLY=1]: take our notifications away while nobody can be announced to
import: ## ENV=... [CONFIRM=1]: write what the object store has as YAML; CONFIRM=1: into bucket-config/, where that says unconfirmed
config: ## ENV=...: print what the jobs are told, for `embargo-butler job ... --config FILE`
vault-policy: ## ENV=...: print the least policy in Vault, and the role for the jobs' login

##> Versions in values/
pin: ## ENV=...: write what the image tags mean now, as digests, into the values file
promote: ## FROM=... TO=...: give an environment the images of another, in its values file

$(VERBS): $(READY)
	@PYTHONPATH=hooks $(PYTHON) -m embargo_butler.cli.operator make $@

##> Work on this project
check: $(READY) ## all that needs no site, in under two minutes
	@$(MAKE) --no-print-directory -j4 lint types unit chart

test: check ## check, what runs in pods with each version of what they have, and the tests on the real site
	@$(PYTHON) -m pytest -q -n 2 tests/site tests/versions
	@$(PYTHON) -m tests.rig up
	@EMBARGO_BUTLER_SITE=as-is RGW_GATEWAYS=$(SITE)/gateways.json \
	    $(PYTHON) -m pytest -n 2 --dist loadscope -m "not soak and not alone" tests/contract tests/e2e
	@$(PYTHON) -m pytest -m "not soak and alone" tests/e2e

soak: $(READY) ## the tests that take too long for every change: both Helms, operators' verbs, alerts, faults under load, each change of a topic
	@$(PYTHON) -m tests.rig up
	@RGW_GATEWAYS=$(SITE)/gateways.json $(PYTHON) -m pytest -m soak tests/contract tests/e2e

bench: $(READY) ## measure what the jobs and a backfill cost, in pairs, on the real site
	@$(PYTHON) -m tests.rig up
	@PYTHONPATH=hooks $(PYTHON) -m tests.bench.buckets
	@PYTHONPATH=hooks $(PYTHON) -m tests.bench.backfill

lint: $(READY)
	@ruff format --check .
	@ruff check .
	@PYTHONPATH=hooks lint-imports --no-logo
	@$(LOCK) --check --offline || { echo "uv.lock is not of pyproject.toml: make requirements" >&2; exit 1; }
	@$(EXPORT) --no-default-groups | cmp - hooks/requirements.txt || { echo "make requirements writes it" >&2; exit 1; }

types: $(READY)
	@mypy hooks tests
	@mypy --config-file tests/services/mypy.ini tests/services

unit: $(READY)
	@$(PYTHON) -m tests.rig packages
	@$(PYTHON) -m tests.rig helms
	@$(PYTHON) -m pytest -q -n 4 tests/unit tests/contract

chart: $(READY)
	@$(PYTHON) -m tests.chart

docs: $(READY) ## write what follows from the chart's values again: its README, and what its schema requires
	@$(PYTHON) -m tests.chart docs

readme: $(READY) ## write what README shows of plan and status again, from the real site
	@$(PYTHON) -m tests.rig up
	@EMBARGO_BUTLER_README=write $(PYTHON) -m pytest -q -k readme tests/e2e/test_demonstration.py

# The lock names the index that everybody knows; what is installed comes from the one that pip is told of.
LOCK := uv lock --quiet --system-certs --default-index https://pypi.org/simple
EXPORT := uv export --quiet --frozen --no-emit-project --no-header --no-annotate

requirements: $(READY) ## [UPGRADE=1]: lock what pyproject.toml names; UPGRADE=1: the newest version of each
	@$(LOCK) $(if $(UPGRADE),--upgrade)
	@$(EXPORT) --no-default-groups > hooks/requirements.txt

# Its name has the hash of what it is made from, so being there is enough, however old.
$(READY):
	@echo "preparing Python in $(VENV)"
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "python3 is $$(python3 --version 2>&1): 3.11 or newer is needed" >&2; exit 1; }
	@python3 -c 'import ensurepip' 2> /dev/null || apt-get install -y -q python3-venv \
	    || { echo "python3 has no venv module: as root, apt-get install python3-venv" >&2; exit 1; }
	@python3 -m venv --clear $(VENV)
	@{ python3 tests/locked_uv.py > $(VENV)/uv.txt \
	    && $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt \
	    && $(EXPORT) $(GROUPS) > $(VENV)/requirements.txt \
	    && index="$$($(PYTHON) -m pip config list | sed -n "s/^.*\.index-url='\(.*\)'$$/\1/p" | head -n 1)" \
	    && uv pip install --quiet --system-certs --python $(PYTHON) $${index:+--default-index "$$index"} \
	        --require-hashes -r $(VENV)/requirements.txt; } \
	    || { echo "Python packages could not be installed: is PyPI, or a mirror that pip" \
	        "is told of, in reach?" >&2; exit 1; }
	@touch $@

"""`secrets`: Vault's secrets into Kubernetes Secrets."""

from __future__ import annotations

import json

from embargo_butler import terminal
from embargo_butler.cli.hooks.running import DONE, Areas, Run, add, carry_out, show
from embargo_butler.engine.job import Job
from embargo_butler.jobs import secrets as secrets_job
from embargo_butler.secrets.vault_policy import vault_policy


def add_to(areas: Areas) -> None:
    """Add the area's verbs."""
    verbs = areas.add_parser("secrets", help="Vault's secrets into Kubernetes Secrets")
    into = verbs.add_subparsers(dest="verb", required=True)
    add(into, "plan", _plan, "show what apply would do; writes nothing")
    add(into, "apply", _apply, "make it as declared", rollback=True)
    policy = add(areas, "vault-policy", _policy, "print the least Vault policy and role")
    policy.set_defaults(verb="")


def _plan(run: Run) -> int:
    job = secrets_job.plan(run.config, run.world, run.report)
    run.report.keys(job.keys, said=True)
    return show(run, job.plan)


def _apply(run: Run) -> int:
    def plan() -> Job:
        job = secrets_job.plan(run.config, run.world, run.report, rehearse=True)
        run.report.keys(job.keys, said=False)
        return job

    return carry_out(run, plan)


def _policy(run: Run) -> int:
    policy = vault_policy(run.config)
    as_json = run.arguments.output == "json"
    if as_json:
        print(json.dumps(policy.document(), indent=2))
    else:
        terminal.show(*policy.text().splitlines())
    return DONE

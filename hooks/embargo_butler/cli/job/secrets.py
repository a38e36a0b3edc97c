"""`secrets`: Vault's secrets into Kubernetes Secrets."""

from __future__ import annotations

import json

from embargo_butler import terminal
from embargo_butler.cli import options
from embargo_butler.cli.job.running import DONE, Run, Verb, carry_out, show
from embargo_butler.engine.job import Job
from embargo_butler.jobs import secrets as secrets_job
from embargo_butler.secrets.vault_policy import vault_policy


def _secrets(run: Run) -> int:
    return _plan(run) if run.arguments.dry_run else _apply(run)


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


SECRETS = Verb(
    "secrets",
    _secrets,
    "Make Kubernetes Secrets as declared, from Vault's.",
    options=[options.DRY_RUN, options.ROLLBACK],
    hidden=False,
)
VAULT_POLICY = Verb("vault-policy", _policy, "Print the least Vault policy and role.")

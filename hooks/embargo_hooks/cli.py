"""The command line: arguments, wiring, exit codes.

Exit codes: 0 nothing to do, or done; 2 the plan has changes (`plan`); 1 an error.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

import yaml

from embargo_hooks import jobs
from embargo_hooks._buckets_config import BucketConfig
from embargo_hooks.apply import apply
from embargo_hooks.bucket_import import imported
from embargo_hooks.buckets import Keys
from embargo_hooks.config import Config, load
from embargo_hooks.errors import DeadlineReached, HooksError, Stop, Terminated
from embargo_hooks.ports import Cluster, Gateway, Vault
from embargo_hooks.report import Report
from embargo_hooks.secret import Secret
from embargo_hooks.vault_policy import vault_policy

DONE, FAILED, CHANGES = 0, 1, 2
# Left of the deadline once the address was waited for in vain: to say so, and to do the rest.
_RESERVE_SECONDS = 15


class RealWorld:
    """The real connections; client libraries are slow to import, so only what is used is."""

    def __init__(self, config: Config, job: str) -> None:
        """Connect to nothing yet."""
        self._config = config
        self._job = job
        self._until = time.monotonic() + config.deadline - _RESERVE_SECONDS
        self._cluster: Cluster | None = None

    def vault(self) -> Vault:
        """Log in to Vault."""
        from embargo_hooks.adapters.vault import VaultLogin

        return VaultLogin(self._config.vault, stored=self._stored, job=self._job, until=self._until)

    def cluster(self) -> Cluster:
        """Return the environment's namespace."""
        from embargo_hooks.adapters.kubernetes import Namespace

        if self._cluster is None:
            self._cluster = Namespace(self._config.namespace, self._config.environment)
        return self._cluster

    def gateway(self, config: BucketConfig, owner: str, keys: Keys) -> Gateway:
        """Return the object store, with an owner's keys."""
        from embargo_hooks.adapters.rgw import RgwGateway

        return RgwGateway(
            config.endpoint,
            config.region,
            owner,
            keys.access,
            keys.secret,
            zone_group=config.zone_group,
        )

    def _stored(self, name: str) -> Mapping[str, Secret] | None:
        found = self.cluster().secret(name)
        return found.data if found else None


def main(argv: Sequence[str] | None = None, world: jobs.World | None = None) -> int:
    """Run a command.

    Args:
        argv: The arguments, those of the process by default.
        world: The outside world, the real one by default.

    Returns:
        The exit code.
    """
    arguments = _parser().parse_args(argv)
    name = f"{arguments.what} {arguments.verb}".rstrip()
    as_json = arguments.output == "json"
    quiet = as_json or arguments.verb == "import"  # What is printed is to be read by a program.
    progress: TextIO = sys.stderr if quiet else sys.stdout
    report = Report(name, sys.stdout, progress, as_json)
    config: Config | None = None
    try:
        config = load(arguments.config)
        report.environment = config.environment
        if arguments.what == "vault-policy":
            policy = vault_policy(config)
            print(json.dumps(policy.document(), indent=2) if as_json else policy.text())
            return DONE
        _limit(config.deadline, report)
        if arguments.verb == "import":
            return _import(config, world or RealWorld(config, arguments.what), report)
        return _run(arguments, config, world or RealWorld(config, arguments.what), report)
    except HooksError as error:
        return _failed(error, arguments, config, world, report)
    except DeadlineReached as stop:
        return _failed(HooksError(str(stop)), arguments, config, world, report)
    except Stop as stop:
        report.problem(HooksError(str(stop)))
        report.end("failed", f"{name}: stopped")
        return FAILED
    except Exception as error:
        # A mistake of ours. Its text could hold anything, so only its kind and place are told.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}, line {frame.lineno}"
        found = HooksError(
            f"internal error: {type(error).__name__} in {place} while {report.doing}"
        )
        return _failed(found, arguments, config, world, report)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _run(arguments: argparse.Namespace, config: Config, world: jobs.World, report: Report) -> int:
    applying = arguments.verb in ("apply", "prune", "renew")
    if arguments.verb == "prune":
        job = jobs.removal(config, world, report)
    elif arguments.what == "secrets":
        job = jobs.secrets(config, world, report, rehearse=applying)
        report.keys(job.keys, said=not applying)
    else:
        patience = max(config.deadline - _RESERVE_SECONDS, 0) if applying else 0
        until = time.monotonic() + patience
        job = jobs.object_store(config, world, report, until, getattr(arguments, "topic", ()))
    report.plan(job.plan)
    count = len(job.plan.changes)
    name = f"{arguments.what} {arguments.verb}: {config.environment}"
    if not count:
        report.end("unchanged", f"{name}: nothing to do")
        return DONE
    if not applying:
        report.end("changes", f"{name}: {count} changes to be made")
        return CHANGES
    apply(job.plan, job.cluster, job.gateways, report)
    report.end("changed", f"{name}: {count} changes made")
    return DONE


def _import(config: Config, world: jobs.World, report: Report) -> int:
    live = jobs.live_buckets(config, world, report)
    found = imported(jobs.bucket_config(config), live)
    print(yaml.safe_dump(found, sort_keys=False, width=100), end="")
    return DONE


def _failed(
    error: HooksError,
    arguments: argparse.Namespace,
    config: Config | None,
    world: jobs.World | None,
    report: Report,
) -> int:
    """Tell what went wrong; a rollback goes on when nothing was written yet.

    A failing rollback hook leaves the release where Helm refuses upgrades and rollbacks alike.
    """
    signal.setitimer(signal.ITIMER_REAL, 0)
    passed_over = arguments.rollback and not report.wrote
    found = report.problem(error, "warning" if passed_over else "error")
    count = f"{len(found)} problem{'s' if len(found) > 1 else ''}"
    name = f"{arguments.what} {arguments.verb}".rstrip()
    if not passed_over:
        written = "stopped in the middle, run it again" if report.wrote else "nothing was written"
        report.end("failed", f"{name}: {count}, {written}: {found[0]}")
        return FAILED
    if config:
        try:
            job = f"{config.fullname}-{arguments.what}"
            (world or RealWorld(config, arguments.what)).cluster().warn(job, "; ".join(found))
        except Exception as error:
            report.warn(f"no Event could be left ({type(error).__name__})")
    report.end("passed-over", f"{name}: rollback goes on without it, {count}: {found[0]}")
    return DONE


def _limit(seconds: int, report: Report) -> None:
    """Cut the run short when its time is used up or the pod is told to end."""

    def late(number: int, frame: FrameType | None) -> None:
        raise DeadlineReached(
            f"the deadline of {seconds} s (hooks.deadlineSeconds) was reached while: {report.doing}"
        )

    def told(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated(f"told to end while: {report.doing}")

    signal.signal(signal.SIGALRM, late)
    signal.signal(signal.SIGTERM, told)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, required=True, metavar="FILE")
    common.add_argument("--output", choices=("text", "json"), default="text")
    common.set_defaults(rollback=False)
    parser = argparse.ArgumentParser(
        prog="embargo-hooks", description=(__doc__ or "").split("\n")[0]
    )
    areas = parser.add_subparsers(dest="what", required=True)
    for what, about in {
        "secrets": "Vault's secrets into Kubernetes Secrets",
        "buckets": "topics, notifications and policies of the object store",
    }.items():
        verbs = areas.add_parser(what, help=about).add_subparsers(dest="verb", required=True)
        if what == "secrets":
            pruning = verbs.add_parser(
                "prune", parents=[common], help="remove ours that are no longer declared"
            )
            pruning.add_argument("--rollback", action="store_true", help="as with apply")
        else:
            renewing = verbs.add_parser(
                "renew", parents=[common], help="give a topic a new generation: its queue is stuck"
            )
            renewing.add_argument("topic", nargs="+", metavar="TOPIC", help="its declared name")
            verbs.add_parser(
                "import",
                parents=[common],
                help="print the bucketConfig of what is live in the declared buckets",
            )
        verbs.add_parser("plan", parents=[common], help="show what apply would do; writes nothing")
        applying = verbs.add_parser("apply", parents=[common], help="make it as declared")
        applying.add_argument(
            "--rollback",
            action="store_true",
            help="a problem found before the first write is a warning, and the exit code 0",
        )
    policy = areas.add_parser(
        "vault-policy", parents=[common], help="print the least Vault policy and role"
    )
    policy.set_defaults(verb="")
    return parser

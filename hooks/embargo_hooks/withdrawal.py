"""Our notifications, taken away for as long as nobody empties the topics' queues.

The queue of a persistent topic whose endpoint is away fills (128 MiB by default), and then the
gateway slows and refuses the camera's PUTs (Ceph 18.2, facts of the gateway). So this needs Vault
and the object store and nothing of the cluster, which may be what is away.
"""

from __future__ import annotations

from embargo_hooks import jobs
from embargo_hooks._buckets_config import BucketConfig, BucketSpec
from embargo_hooks.config import Config
from embargo_hooks.errors import Gathering
from embargo_hooks.inventory import Inventory, generations
from embargo_hooks.plan import Change, DeleteNotification, Plan
from embargo_hooks.ports import Gateway
from embargo_hooks.report import Report


def withdrawal(config: Config, world: jobs.World, report: Report) -> jobs.Job:
    """Plan to take away each declared notification whose events would wait.

    A shared topic has other consumers, who still empty it: its notification stays.

    Raises:
        Problems: Something could not be read; nothing was written.
    """
    declared = jobs.bucket_config(config)
    gathering = Gathering()
    gateways = jobs.gateways_of(declared, Inventory(), world, report, gathering)
    plan = Plan()
    for bucket in declared.buckets.values():
        if bucket.notifications and (gateway := gateways.get(bucket.owner)):
            report.step(f"reading bucket {bucket.name}")
            with gathering.catching():
                plan += _of(bucket, declared, gateway)
    gathering.check()
    return jobs.Job(plan, world.cluster(), gateways)


def _of(bucket: BucketSpec, declared: BucketConfig, gateway: Gateway) -> Plan:
    changes, warnings = [], []
    ours = dict.fromkeys(spec.topic for spec in bucket.notifications.values())
    for live in gateway.notifications(bucket.name):
        for name in ours:
            if live.topic != name and not generations(name, [live.topic]):
                continue
            stays = f"notification {live.name} of bucket {bucket.name} stays: "
            if live.name in bucket.foreign:
                warnings.append(
                    f"{stays}it is declared foreign, though it uses our topic {live.topic}, whose "
                    "queue goes on filling; ask those whose it is to take it away"
                )
            elif shared := declared.topics[name].shared:
                warnings.append(f"{stays}topic {live.topic} is consumed by {', '.join(shared)} too")
            elif (topic := gateway.topic(live.topic)) is None or topic.persistent:
                gone = DeleteNotification(bucket.owner, bucket.name, live.name)
                changes.append(Change(gone, "withdrawn, until the next apply puts it back"))
    return Plan(tuple(changes), tuple(warnings))

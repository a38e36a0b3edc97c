"""A bucket-config belongs to its environment: each with each other's is refused, by both names."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
import yaml

from tests.unit.chart.facts import FACTS
from tests.unit.chart.helm import CHART, PROJECT, HelmError, files, helm, parsed, unchanged

RECONCILED = {"summit", "summit-new", "pp-dev"}
"""Where a notification that is declared and confirmed leads to enqueue."""


def rendered(environment: str, buckets: str = "") -> str:
    """Render an environment with another one's buckets, or with none."""
    other = ["--values", str(PROJECT / "bucket-config" / f"{buckets}.yaml")] if buckets else []
    where = ("--namespace", FACTS[environment].namespace)
    own = files(environment, buckets=False)
    return helm("template", environment, str(CHART), *where, *own, *other)


def told(environment: str, text: str) -> dict[str, Any]:
    """Return what the verbs are told."""
    found = parsed(text)[f"ConfigMap/{FACTS[environment].prefix}-config"]["data"]["config.yaml"]
    return dict(yaml.safe_load(found))


@pytest.mark.parametrize(("environment", "other"), list(permutations(FACTS, 2)))
def test_another_environments_buckets_are_refused(environment: str, other: str) -> None:
    with pytest.raises(HelmError) as caught:
        rendered(environment, other)
    assert (
        f"`bucketConfig.environment` is {other}, but `environment` is {environment}: give helm "
        f"`-f values/{environment}.yaml -f bucket-config/{environment}.yaml`"
    ) in str(caught.value)
    assert "\n- " not in str(caught.value), "nothing else is told that follows from it"


# Summit-new consumes a topic that its buckets have to declare.
@pytest.mark.parametrize("environment", sorted({*FACTS} - {"summit-new"}))
def test_no_buckets_at_all_are_told_to_the_verbs(environment: str) -> None:
    found = told(environment, rendered(environment))
    assert found["noBuckets"].startswith("no bucketConfig: ")
    assert found["noBuckets"].endswith(f"unless you add -f bucket-config/{environment}.yaml")
    assert found["pipeline"]["byClock"] is False
    assert found["pipeline"]["reconcile"].startswith("does not run by the clock: there is no ")


@pytest.mark.parametrize("environment", FACTS)
def test_where_reconcile_runs_and_why_not(environment: str) -> None:
    found = told(environment, unchanged(environment))
    runs = environment in RECONCILED
    assert "noBuckets" not in found
    assert found["pipeline"]["byClock"] is runs
    said = "runs by the clock (" if runs else "does not run by the clock: "
    assert found["pipeline"]["reconcile"].startswith(said)
    cron = parsed(unchanged(environment))[f"CronJob/{FACTS[environment].prefix}-reconcile"]
    assert cron["spec"]["suspend"] is not runs
    why = cron["metadata"].get("annotations", {}).get("embargo-butler/suspended", "")
    assert found["pipeline"]["reconcile"].endswith(why)
    assert bool(why) is not runs

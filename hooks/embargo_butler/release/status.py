"""What only helm and kubectl can see of an environment: its release, its pods, its jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import yaml

from embargo_butler import terminal
from embargo_butler.adapters.programs import ProgramError, Programs
from embargo_butler.adapters.revisions import last_deployed, revisions
from embargo_butler.health import running
from embargo_butler.health.pods import Pod, Workload, is_of_a_job
from embargo_butler.health.sections import Section, shown
from embargo_butler.health.tables import lasting, table
from embargo_butler.release import pausing, targets
from embargo_butler.release.chart import Chart
from embargo_butler.release.state import Status, status

_WORKLOADS = ("Deployment", "StatefulSet")
_SUSPENDED = "embargo-butler/suspended"
"""The annotation in which the chart says why it has suspended a CronJob."""


def look(programs: Programs, chart: Chart) -> Iterator[Section]:
    """Look at the release, or at what runs without one, its pods and its jobs; writes nothing."""
    found: list[Status] = []

    def release() -> Section:
        found.append(status(programs))
        return _release(found[0])

    yield shown("release", release)
    unreleased = bool(found) and found[0].revision is None
    if unreleased and not found[0].workloads:
        return
    yield shown("pods", lambda: _pods(programs, chart))
    if not unreleased:
        yield shown("jobs", lambda: _jobs(programs))


def _release(found: Status) -> Section:
    problems = list(found.of_the_release())  # what is wrong with pods is told beside them
    at = found.revision
    if at is None and found.workloads:
        take_over = f"`{targets.make(found.release, 'take-over')}`"
        line = f"none: what runs here was made without Helm; {take_over} puts the chart over it"
        return Section("release", (line,))
    if at is None:
        return Section("release", (), None, tuple(problems))
    line = (
        f"{found.release}: revision {at.number}, {at.status}, {at.chart}, {_ago(at.updated)}: "
        f"{at.description}"
    )
    document = {"revision": at.number, "status": at.status, "chart": at.chart, "time": at.updated}
    return Section("release", (line,), document, tuple(problems))


def _pods(programs: Programs, chart: Chart) -> Section:
    live = running.workloads(programs)
    pods = [each for each in running.pods(programs) if not is_of_a_job(each)]
    ingest, manifest = pausing.find(programs), ""
    with suppress(ProgramError):  # whoever may not see the release may see its pods
        if deployed := last_deployed(revisions(programs)):
            number = str(deployed.number)
            manifest = programs.helm("get", "manifest", programs.release, "--revision", number)
    released, checkout = _declared(manifest), _declared(chart.manifests(programs))
    # KEDA takes all pods away while nothing waits; what waits then is told with the queue.
    may_rest = _autoscaled(manifest)
    if ingest and ingest.paused:
        may_rest.add(ingest.name)
    rows, document, problems, notes = [("", "READY", "RESTARTS", "IMAGE")], [], [], list[str]()
    for workload in sorted(live, key=lambda each: str(each["metadata"]["name"])):
        each, component = Workload.of(workload), _component(workload)
        images = _images(workload)
        members = [Pod.of(pod) for pod in pods if _component(pod) == component]
        restarts = sum(pod.restarts for pod in members)
        for at, image in enumerate(images):
            first = (each.name, f"{each.ready}/{each.wanted}", str(restarts) if restarts else "")
            rows.append((*(first if not at else ("", "", "")), image))
        if each.ready < each.wanted:
            states = sorted({pod.state for pod in members if not pod.ready})
            why = f": {', '.join(states)}" if states else ""
            problems.append(f"{each.name}: {each.ready} of {each.wanted} pods are ready{why}")
        elif not each.wanted and each.name not in may_rest:
            problems.append(_resting(each, released.get(each.name), programs))
        differs = _differences(each, images, released.get(each.name), "the release has")
        diff = targets.make(programs.release, "diff")
        problems += [f"{text}: `{diff}`" for text in differs.images]
        mine = _differences(each, images, checkout.get(each.name), "your values have")
        if not (ingest and ingest.paused and each.name == ingest.name and not each.wanted):
            notes += mine.replicas
        if not differs.images:
            notes += [f"{text}: not applied yet" for text in mine.images]
        document.append(
            {
                **{"kind": each.kind, "name": each.name, "images": list(images)},
                **{"wanted": each.wanted, "ready": each.ready, "restarts": restarts},
            }
        )
    there = {each["name"] for each in document}
    for name, declared in sorted(released.items()):
        if name not in there and running.component(declared["metadata"].get("labels") or {}):
            apply = targets.make(programs.release, "apply")
            problems.append(f"{name}: the release has it, and it is not there: `{apply}`")
    if ingest and (paused := ingest.paused):
        problems.append(
            f"ingest is paused by {paused['by']}, {_ago(paused['since'])}, what arrives waits in "
            f"Redis: `{targets.make(programs.release, 'resume')}`"
        )
    return Section("pods", (*table(rows, ""), *notes), document, tuple(problems))


class _Differences:
    def __init__(self, images: list[str], replicas: list[str]) -> None:
        self.images, self.replicas = images, replicas


def _differences(
    each: Workload, images: tuple[str, ...], wanted: Mapping[str, Any] | None, whose: str
) -> _Differences:
    if wanted is None:
        return _Differences([], [])
    other = [image for image in _images(wanted) if image not in images]
    count = wanted["spec"].get("replicas")
    differs = count is not None and count != each.wanted
    return _Differences(
        [f"{each.name}: {whose} {image}" for image in other],
        [f"{each.name}: {each.wanted} pods, {whose} {count}"] if differs else [],
    )


def _resting(each: Workload, released: Mapping[str, Any] | None, programs: Programs) -> str:
    """Tell of a workload that is to have no pods, and what gives it some."""
    count = 1 if released is None else released["spec"].get("replicas", 1)
    if count == 0:
        apply = targets.make(programs.release, "apply")
        return f"{each.name}: its values give it no pods (`replicas`, `suspend`): then `{apply}`"
    scale = ("scale", "-n", programs.namespace, f"{each.kind.lower()}/{each.name}")
    command = terminal.command(("kubectl", *scale, f"--replicas={count}"))
    return f"{each.name}: is scaled to no pods: `{command}`"


def _autoscaled(manifest: str) -> set[str]:
    """Return the workloads whose pods KEDA counts, but those that it is told to hold at none."""
    return {
        str(each["spec"]["scaleTargetRef"]["name"])
        for each in yaml.load_all(manifest, yaml.CSafeLoader)
        if each and each["kind"] == "ScaledObject" and not each["metadata"].get("annotations")
    }


def _declared(manifest: str) -> dict[str, dict[str, Any]]:
    documents = yaml.load_all(manifest, yaml.CSafeLoader)
    return {
        each["metadata"]["name"]: each for each in documents if each and each["kind"] in _WORKLOADS
    }


def _images(workload: Mapping[str, Any]) -> tuple[str, ...]:
    containers = workload["spec"]["template"]["spec"]["containers"]
    return tuple(each["image"] for each in containers)


def _component(each: Mapping[str, Any]) -> str:
    labels = each["metadata"].get("labels") or {}
    # The drain of a Kafka topic is a second Deployment of the same component.
    return f"{labels.get('app.kubernetes.io/component')} {labels.get('app')}"


def _jobs(programs: Programs) -> Section:
    ours = ("-l", programs.selector())
    lines, document, problems = [], [], []
    for each in programs.objects("cronjobs", *ours):
        name, found = str(each["metadata"]["name"]), each.get("status", {})
        ran, well = found.get("lastScheduleTime", ""), found.get("lastSuccessfulTime", "")
        suspended = bool(each["spec"].get("suspend"))
        lines.append(f"{name}: {_run(ran, well)}{', suspended' if suspended else ''}")
        document.append(
            {"name": name, "lastSchedule": ran, "lastSuccess": well, "suspended": suspended}
        )
        problems += _set_by_hand(each, programs.namespace)
        if ran and ran > (well or each["metadata"]["creationTimestamp"]):
            if found.get("active"):
                continue
            logs = f"kubectl logs -n {programs.namespace} -l {_selector(each)} --tail=50"
            problems.append(f"{name}: its last run, {_ago(ran)}, did not end well: `{logs}`")
    for each in programs.objects("jobs", *ours):
        if each["metadata"].get("ownerReferences"):
            continue  # a CronJob's
        name, found = str(each["metadata"]["name"]), each.get("status", {})
        ended = {c["type"]: c for c in found.get("conditions", ()) if c["status"] == "True"}
        document.append({"name": name, "conditions": sorted(ended)})
        if "Failed" in ended:
            when = _ago(ended["Failed"].get("lastTransitionTime", ""))
            logs = f"kubectl logs -n {programs.namespace} job/{name}"
            problems.append(f"{name}: failed {when}: `{logs}`")
        elif "Complete" in ended:
            lines.append(f"{name}: succeeded {_ago(found.get('completionTime', ''))}")
        else:
            lines.append(f"{name}: runs")
    return Section("jobs", tuple(lines), document, tuple(problems))


def _set_by_hand(each: Mapping[str, Any], namespace: str) -> list[str]:
    """Tell that somebody has suspended a CronJob, or set one going, against the release."""
    metadata, suspended = each["metadata"], bool(each["spec"].get("suspend"))
    meant = _SUSPENDED in (metadata.get("annotations") or {})
    if suspended == meant:
        return []
    patch = ("patch", "cronjob", str(metadata["name"]), "-n", namespace, "--patch")
    back = terminal.command(("kubectl", *patch, json.dumps({"spec": {"suspend": meant}})))
    done = "suspended it" if suspended else "set it going, which the release has suspended"
    return [f"{metadata['name']}: somebody has {done}: `{back}`"]


def _run(ran: str, well: str) -> str:
    if not ran:
        return "has not run yet"
    succeeded = f"succeeded {_ago(well)}" if well else "has not succeeded yet"
    return f"last started {_ago(ran)}, {succeeded}"


def _selector(each: Mapping[str, Any]) -> str:
    labels = each["metadata"].get("labels") or {}
    return f"app.kubernetes.io/component={labels.get('app.kubernetes.io/component')}"


def _ago(text: str) -> str:
    """Return how long ago a time is, as Kubernetes, Helm and we write it down."""
    try:
        when = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return f"at {text or 'an unknown time'}"
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return f"{lasting((datetime.now(UTC) - when).total_seconds())} ago"

"""Old pods for new ones, one workload after the other, each when the one before it is well.

While workloads are held their pods run on, whatever becomes of the declarations. An exchange then
makes a workload what it would be in an empty namespace: nothing of an older manifest stays in it
(containers, variables and volumes that only that one had), and no field belongs to whoever applied
that manifest, over which a later Helm 4 would stumble.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from embargo_butler.adapters.programs import Programs
from embargo_butler.migration.predecessor import FIELDS
from embargo_butler.release.difference import Manifest
from embargo_butler.release.upgrade import Say
from embargo_butler.release.workloads import WORKLOADS, wait

_ORDER = ("redis", "idle", "presence", "ingest", "enqueue")
"""Redis before its clients, who wait for it; enqueue last, so that it finds the others at work."""
_REHEARSED = "-rehearsed"
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_THEIR_MANAGERS = ("kubectl", "before-first-apply")
"""What a server-side apply calls those before it, where nobody is written down."""


def hold(programs: Programs, workloads: list[Manifest]) -> None:
    """Keep the pods of workloads as they are until each is exchanged."""
    for each in workloads:
        name = each["metadata"]["name"]
        if each["kind"] == "Deployment":
            patch: dict[str, Any] = {"paused": True}
        else:
            patch = {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}
        words = ("patch", each["kind"].lower(), name, "--type=merge")
        programs.kubectl(*words, "-p", json.dumps({"spec": patch}))


def in_order(manifests: list[Manifest]) -> list[Manifest]:
    """Return the workloads among some manifests in the order in which they are exchanged."""

    def place(manifest: Manifest) -> tuple[int, str]:
        app = manifest["metadata"]["labels"].get("app.kubernetes.io/component", "")
        place = _ORDER.index(app) if app in _ORDER else len(_ORDER)
        return place, manifest["metadata"]["name"]

    return sorted((each for each in manifests if each["kind"] in WORKLOADS), key=place)


def exchange(programs: Programs, manifest: Manifest, say: Say) -> None:
    """Make a live object what its manifest says and nothing else; wait for a workload's new pods.

    Raises:
        HooksError: The new pods do not become ready.
    """
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    [live] = programs.objects(kind.lower(), name, FIELDS)
    fresh = _fresh(programs, manifest) if kind in WORKLOADS else None
    wanted = exchanged(live, manifest, fresh)
    programs.kubectl("replace", "-f", "-", stdin=json.dumps(wanted))
    if fresh:
        say(f"{kind} {name}: new pods")
        wait(programs, kind, name, say)


def exchanged(live: Manifest, manifest: Manifest, fresh: Manifest | None) -> Manifest:
    """Return a live object without what only an older manifest had. Pure.

    Args:
        live: The object, as Helm has left it.
        manifest: What the chart says of it.
        fresh: What the API server would make of the manifest in an empty namespace; workloads only.
    """
    made = copy.deepcopy(live)
    made.pop("status", None)
    metadata, declared = made["metadata"], manifest["metadata"]
    applied = json.loads((metadata.get("annotations") or {}).pop(_APPLIED, "{}"))
    for part in ("labels", "annotations"):
        theirs = applied.get("metadata", {}).get(part) or {}
        kept = {k: v for k, v in (metadata.get(part) or {}).items() if k not in theirs}
        metadata[part] = {**kept, **(declared.get(part) or {})}
    metadata["managedFields"] = [
        each
        for each in metadata.get("managedFields", [])
        if each.get("subresource") or not each["manager"].startswith(_THEIR_MANAGERS)
    ]
    if fresh:
        made["spec"] = {**fresh["spec"], "replicas": live["spec"]["replicas"]}
        if live["kind"] == "StatefulSet":  # it cannot change, and what the server added stays
            made["spec"]["volumeClaimTemplates"] = live["spec"].get("volumeClaimTemplates", [])
    elif "selector" in live.get("spec", {}) and live["kind"] == "Service":
        made["spec"]["selector"] = manifest["spec"]["selector"]
    return made


def _fresh(programs: Programs, manifest: Manifest) -> Manifest:
    """Let the API server make it under another name, for the sake of its answer."""
    rehearsed = copy.deepcopy(manifest)
    rehearsed["metadata"] = {"name": manifest["metadata"]["name"] + _REHEARSED}
    words = ("create", "--dry-run=server", "-o", "json", "-f", "-")
    made: Manifest = json.loads(programs.kubectl(*words, stdin=json.dumps(rehearsed)))
    return made

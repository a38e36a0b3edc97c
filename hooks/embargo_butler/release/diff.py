"""The Kubernetes diff: the API server is asked what it would make of each object."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import yaml

from embargo_butler.adapters.programs import ProgramError, Programs
from embargo_butler.release.difference import KEEP, Difference, Manifest, compared, without_dropped
from embargo_butler.release.refusals import Conflict, conflicts, unchangeable

_MANAGER = "helm"
"""The field manager that Helm 4 applies as."""
_RELEASE, _NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
_AT_ONCE = 4


def parsed(text: str) -> list[Manifest]:
    """Return the manifests of a rendered text."""
    return [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]


def differences(programs: Programs, wanted: str, previous: str) -> list[Difference]:
    """Compare the live objects with what an upgrade would make of them; nothing is changed.

    Args:
        programs: helm and kubectl.
        wanted: The manifests to come, without hooks.
        previous: The manifests of the release's last deployed revision, empty for none.

    Raises:
        ProgramError: The cluster did not answer, or refused to tell.
    """
    to_come, before = parsed(wanted), {_key(each): each for each in parsed(previous)}
    for manifest in to_come:
        owner = {_RELEASE: programs.release, _NAMESPACE: programs.namespace}
        metadata = manifest["metadata"]
        metadata["annotations"] = {**metadata.get("annotations", {}), **owner}
        metadata.setdefault("namespace", programs.namespace)
    names = {_key(each) for each in to_come}
    gone = [each for key, each in before.items() if key not in names]
    if not programs.objects("namespace", programs.namespace):
        return [Difference(*_key(each), "new") for each in to_come]
    found = programs.objects("-f", "-", stdin=yaml.safe_dump_all([*to_come, *gone]))
    live = {_key(each): each for each in found}

    def ask(manifest: Manifest) -> Difference:
        key = _key(manifest)
        return _difference(programs, manifest, live.get(key), before.get(key))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = list(pool.map(ask, to_come))
    return [*asked, *(_removed(each) for each in gone if _key(each) in live)]


def _difference(
    programs: Programs, manifest: Manifest, live: Manifest | None, before: Manifest | None
) -> Difference:
    kind, name = _key(manifest)
    after, found, refusal = _rehearsed(programs, manifest)
    if refusal:
        return Difference(kind, name, "changed", unchangeable=refusal, owner=_owner(live, programs))
    if before is not None:
        after = without_dropped(after, before, manifest)
    change, lines = compared(kind, live, after)
    others = tuple(each for each in found if each.manager != _MANAGER)
    return Difference(kind, name, change, lines, others, owner=_owner(live, programs))


def _rehearsed(
    programs: Programs, manifest: Manifest
) -> tuple[Manifest | None, list[Conflict], str]:
    """Let the API server apply a manifest for the sake of its answer."""
    how = ("--server-side", "--dry-run=server", f"--field-manager={_MANAGER}", "-o", "json")
    words, text = ("apply", "-f", "-", *how), json.dumps(manifest)
    done = programs.kubectl_done(*words, stdin=text)
    found = conflicts(done.err) if done.status else []
    if found:
        done = programs.kubectl_done(*words, "--force-conflicts", stdin=text)
    if not done.status:
        return json.loads(done.out), found, ""
    if refusal := unchangeable(done.err):
        return None, found, refusal
    kind, name = _key(manifest)
    raise ProgramError(f"{kind} {name}: the API server refuses it: {done.err.strip()}")


def _removed(manifest: Manifest) -> Difference:
    annotations = manifest["metadata"].get("annotations") or {}
    return Difference(*_key(manifest), "kept" if KEEP.items() <= annotations.items() else "removed")


def _owner(live: Manifest | None, programs: Programs) -> str:
    if live is None:
        return ""
    annotations = live["metadata"].get("annotations") or {}
    if annotations.get(_RELEASE) == programs.release:
        return ""
    other = annotations.get(_RELEASE)
    return f"of release {other}" if other else "made without Helm"


def _key(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]

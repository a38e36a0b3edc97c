"""What ran before the chart: written down in the cluster, and put back from there.

A Secret holds it, so that an operator's machine that dies in the middle takes nothing with it.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from typing import Any

from embargo_butler.adapters.programs import Programs
from embargo_butler.errors import HooksError
from embargo_butler.release import targets
from embargo_butler.release.difference import KEEP, Manifest
from embargo_butler.release.upgrade import Say
from embargo_butler.release.workloads import WORKLOADS, wait

NAME = "embargo-butler-predecessor"
FIELDS = "--show-managed-fields"
_KEY = "predecessor.json"
_MADE_BY_JOBS = "app.kubernetes.io/managed-by=embargo-hooks"
_OF_THE_SERVER = ("resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")


@dataclass(frozen=True)
class Predecessor:
    """The objects of the chart's names as they were, and what was not there.

    Attributes:
        objects: The objects, ready to be put back.
        secrets: The names of the Secrets that were there.
        addresses: The load-balancer addresses of the Services, by name.
    """

    objects: tuple[Manifest, ...]
    secrets: tuple[str, ...]
    addresses: dict[str, list[str]]

    @classmethod
    def observe(cls, programs: Programs, manifests: list[Manifest]) -> Predecessor:
        """Read the live objects that have the names of some manifests."""
        live = programs.objects("-f", "-", FIELDS, stdin=as_list(manifests))
        secrets = programs.objects("secrets")
        return cls(
            tuple(map(_without_status, live)),
            tuple(sorted(each["metadata"]["name"] for each in secrets)),
            addresses(live),
        )

    @classmethod
    def stored(cls, programs: Programs) -> Predecessor | None:
        """Return what an earlier run wrote down, None where there is nothing."""
        found = programs.objects("secret", NAME)
        if not found:
            return None
        document = json.loads(base64.b64decode(found[0]["data"][_KEY]))
        return cls(tuple(document["objects"]), tuple(document["secrets"]), document["addresses"])

    def store(self, programs: Programs) -> None:
        """Write it down."""
        document = json.dumps(asdict(self))
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": NAME},
            "data": {_KEY: base64.b64encode(document.encode()).decode()},
        }
        programs.kubectl("create", "-f", "-", stdin=json.dumps(secret))

    def workloads(self) -> list[Manifest]:
        """Return the workloads among the objects."""
        return [each for each in self.objects if each["kind"] in WORKLOADS]

    def put_back(self, programs: Programs, manifests: list[Manifest], say: Say) -> None:
        """Make everything as it was; pods are replaced only where their template has changed.

        Args:
            programs: helm and kubectl.
            manifests: What the chart has declared, without hooks.
            say: Is told each step.

        Raises:
            ProgramError: Something could not be put back.
        """
        for each in self.objects:
            say(f"putting back {each['kind']} {each['metadata']['name']}")
            # Without a resourceVersion, so whatever it has become since.
            programs.kubectl("replace", "-f", "-", stdin=json.dumps(each))
        for each in self.workloads():
            try:
                wait(programs, each["kind"], each["metadata"]["name"], say)
            except HooksError as error:
                # They may have been so before; what is declared is put back all the same.
                say(f"put back, but not well: {error}")
        known = {(each["kind"], each["metadata"]["name"]) for each in self.objects}
        new = [
            each
            for each in manifests
            if (each["kind"], each["metadata"]["name"]) not in known
            and not KEEP.items() <= (each["metadata"].get("annotations") or {}).items()
        ]
        if new:
            say(f"taking away the {len(new)} objects that the chart has added")
            programs.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=as_list(new))
        made = programs.objects("secrets", "-l", _MADE_BY_JOBS)
        for name in (each["metadata"]["name"] for each in made):
            if name not in self.secrets:
                programs.kubectl("delete", "secret", name, "--ignore-not-found")
        say("taking away Helm's record of the release")
        programs.kubectl("delete", "secret", "-l", f"owner=helm,name={programs.release}")
        programs.kubectl("delete", "secret", NAME, "--ignore-not-found")


def as_list(objects: list[Manifest]) -> str:
    """Return objects as one document."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def addresses(objects: list[Manifest]) -> dict[str, list[str]]:
    """Return the load-balancer addresses of the Services among some live objects, by name."""
    return {
        each["metadata"]["name"]: [
            ingress["ip"]
            for ingress in each.get("status", {}).get("loadBalancer", {}).get("ingress", [])
        ]
        for each in objects
        if each["kind"] == "Service"
    }


def nothing_there(programs: Programs) -> HooksError:
    """Return the error of a take-over without anybody to take over from."""
    release = programs.release
    return HooksError(
        f"nothing of {release} runs in namespace {programs.namespace} but what Helm made: there is "
        f"nobody to take over from, so `{targets.make(release, 'apply')}` does"
    )


def _without_status(live: Manifest) -> Manifest:
    kept: dict[str, Any] = {key: value for key, value in live.items() if key != "status"}
    metadata = live["metadata"]
    kept["metadata"] = {key: metadata[key] for key in metadata if key not in _OF_THE_SERVER}
    return kept

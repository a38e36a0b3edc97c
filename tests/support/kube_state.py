"""What kube-state-metrics tells of Jobs and CronJobs, by the names and labels of its version 2.

The program itself is not to be had as a verified Go module, so this stands for it: see its
documentation, docs/metrics/workload/{job,cronjob}-metrics.md.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.namespace import Namespace

_REASONS = ("BackoffLimitExceeded", "DeadlineExceeded", "Evicted")


def metrics(objects: Sequence[dict[str, Any]]) -> str:
    """Return the exposition of some Jobs and CronJobs."""
    kinds = {"Job": _job, "CronJob": _cronjob}
    lines = (line for each in objects for line in kinds[each["kind"]](each))
    return "".join(f"{line}\n" for line in lines)


def _job(job: dict[str, Any]) -> Iterator[str]:
    meta, status = job["metadata"], job.get("status", {})
    labels = f'namespace="{meta["namespace"]}",job_name="{meta["name"]}"'
    if not status.get("failed"):
        yield f"kube_job_status_failed{{{labels}}} 0"
    for condition in status.get("conditions", []):
        if condition["type"] == "Failed":
            for reason in _REASONS:
                value = int(condition.get("reason") == reason)
                yield f'kube_job_status_failed{{{labels},reason="{reason}"}} {value}'
    times = {
        "created": meta["creationTimestamp"],
        "status_completion_time": status.get("completionTime"),
    }
    yield from _times("job", labels, times)


def _cronjob(cronjob: dict[str, Any]) -> Iterator[str]:
    meta, status = cronjob["metadata"], cronjob.get("status", {})
    labels = f'namespace="{meta["namespace"]}",cronjob="{meta["name"]}"'
    times = {
        "created": meta["creationTimestamp"],
        "status_last_schedule_time": status.get("lastScheduleTime"),
        "status_last_successful_time": status.get("lastSuccessfulTime"),
    }
    yield from _times("cronjob", labels, times)


def _times(kind: str, labels: str, times: dict[str, str | None]) -> Iterator[str]:
    for name, text in times.items():
        if text:
            seconds = datetime.fromisoformat(text).timestamp()
            yield f"kube_{kind}_{name}{{{labels}}} {seconds:.0f}"


class _Server(ThreadingHTTPServer):
    namespace: Namespace


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        found = self.server.namespace.get("jobs,cronjobs")["items"]
        text = metrics(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@contextmanager
def serving(namespace: Namespace) -> Iterator[str]:
    """Serve a namespace on a free port of the loopback; yields host and port."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.namespace = namespace
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()

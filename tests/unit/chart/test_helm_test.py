"""What `helm test` runs, as rendered: it fails when a service does not answer as it should."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from email.message import Message
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.unit.chart.helm import render

NOTIFY = "http://embargo-butler-enqueue:8080/notify"
PRESENCE = "http://embargo-butler-presence:8080/presence/LSSTCam/test/0/R00_S00"


class Site:
    """What the pod would find."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.password = "right"
        self.answers = {NOTIFY: 405, PRESENCE: 200}
        redis = ModuleType("redis")
        monkeypatch.setattr(redis, "Redis", self.redis, raising=False)
        monkeypatch.setitem(sys.modules, "redis", redis)
        monkeypatch.setattr(urllib.request, "urlopen", self.urlopen)
        monkeypatch.setenv("REDIS_PASSWORD", "right")
        pod = render("summit")["Pod/embargo-butler-test"]["spec"]
        self.script = str(pod["containers"][0]["command"][2])

    def redis(self, host: str, port: int, *, password: str, socket_timeout: float) -> Any:
        assert (host, port, password) == ("redis", 6379, self.password), "Redis refuses"
        assert socket_timeout > 0
        return SimpleNamespace(ping=lambda: True)

    def urlopen(self, url: str, timeout: float) -> Any:
        assert timeout > 0
        if (status := self.answers[url]) >= 400:
            raise urllib.error.HTTPError(url, status, "", Message(), None)
        return SimpleNamespace(status=status)

    def run(self) -> None:
        exec(compile(self.script, "test", "exec"), {})


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


def test_all_is_well(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.run()
    assert capsys.readouterr().out == "redis answers\nenqueue answers\npresence answers\n"


def test_another_password(site: Site) -> None:
    site.password = "other"
    with pytest.raises(AssertionError, match="Redis refuses"):
        site.run()


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [(NOTIFY, 404, "enqueue answers 404"), (PRESENCE, 500, "presence answers 500")],
)
def test_a_wrong_answer(site: Site, url: str, status: int, said: str) -> None:
    site.answers[url] = status
    with pytest.raises(AssertionError, match=said):
        site.run()

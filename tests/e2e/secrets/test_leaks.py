"""No value is seen anywhere but in its Secret."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import httpx2
import pytest
import requests

from tests.support.leaks import forms
from tests.support.secret_place import ACCOUNT, Place


def test_no_output_shows_a_value(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    planted = [f'Pl4nted/{name}"+{secrets.token_hex(8)}=\n' for name in "abcd"]
    at = place.put("all", a=planted[0], b=planted[1], n=7)
    place.config["secrets"]["planted"] = {
        "a": {**at, "field": "a"},
        "t": {"template": "{{ s.b }}!", "from": {"s": at}},
    }
    place.permit()
    assert place.run("secrets", "plan") == 2
    assert place.run("secrets", "apply") == 0
    assert place.run("secrets", "plan", "--output", "json") == 0
    place.put("all", a=planted[2], b=planted[3])
    place.run("secrets", "plan")
    for wrong in (
        {"template": "{{ s[s.a] }}", "from": {"s": at}},
        {"template": "{{ s.a + 1 }}", "from": {"s": at}},
        {"template": "{{ s.a.b.c }}{{ [][s.a] }}", "from": {"s": at}},
        {**at, "field": "a", "encoding": "base64"},
        {**at, "field": "none"},
    ):
        place.config["secrets"]["planted"]["wrong"] = wrong
        assert place.run("secrets", "apply") == 1
    del place.config["secrets"]["planted"]["wrong"]
    simple_role = place.kubectl("delete", "role", ACCOUNT)
    assert place.run("secrets", "apply", "--rollback") == 0
    assert place.run("secrets", "apply") == 1
    seen = capfd.readouterr()
    places = {"output": seen.out + seen.err + simple_role}
    kinds_but_secrets = "configmaps,events,pods,jobs,roles,serviceaccounts"
    places["objects"] = place.kubectl("get", kinds_but_secrets, "-o", "json")
    token = place.token.read_text()
    for where, text in places.items():
        for value in [*planted, token.rpartition(".")[2]]:
            shown = [form for form in forms(value.strip()) if form in text]
            assert not shown, f"{where} shows a planted value"


@pytest.mark.parametrize("to_vault", [True, False])
def test_no_traceback_and_no_library_shows_a_value(
    simple: Place,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    to_vault: bool,
) -> None:
    """An exception that quotes the value comes out of each call in turn; libraries log all."""
    client: Any = requests.Session if to_vault else httpx2.Client
    really, count = client.send, 0
    planted = f"Pl4nted/{secrets.token_hex(8)}"
    fails_at = 0

    def send(self: Any, request: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        if count == fails_at:
            raise RuntimeError(f"{planted} {dict(request.headers)}")
        return really(self, request, **more)

    monkeypatch.setattr(client, "send", send)
    caplog.set_level(logging.DEBUG)
    simple.put("redis", a=planted)
    results = []
    while count >= fails_at:
        count, fails_at = 0, fails_at + 1
        results.append(simple.run("secrets", "apply"))
        simple.kubectl("patch", "secret", "redis", "-p", '{"stringData": {"password": "old"}}')
        # A run that cannot give the Lease back leaves it to run out; that wait is not the subject.
        simple.kubectl("delete", "leases", "--all")
    fails_at = -1
    assert results[-1] == 0
    assert 1 in results
    seen = capfd.readouterr()
    text = seen.out + seen.err + caplog.text
    assert "internal error: RuntimeError" in text
    token = simple.token.read_text().rpartition(".")[2]
    for value in (planted, token):
        assert not [form for form in forms(value) if form in text]
    assert "hvs." not in text, "no token of Vault is shown"

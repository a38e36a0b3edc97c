"""Every way to log in, against the real Vault."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers

from tests.support.secret_place import Place

Output = pytest.CaptureFixture[str]


def test_approle(simple: Place) -> None:
    admin, mount = simple.admin, f"approle-{simple.name}"
    admin.sys.enable_auth_method("approle", path=mount)
    try:
        login = {"method": "approle", "mount": mount, "role": simple.name}
        simple.config["vault"]["auth"] = {**login, "secret": {"name": "login"}}
        simple.permit()
        role_id = admin.read(f"auth/{mount}/role/{simple.name}/role-id")["data"]["role_id"]
        made = admin.write_data(f"auth/{mount}/role/{simple.name}/secret-id")["data"]
        simple.store("login", **{"role-id": role_id, "secret-id": made["secret_id"]})
        simple.put("redis", a="by approle")
        assert simple.run("secrets") == 0
        assert simple.secret("redis") == {"password": b"by approle"}
        assert simple.logins() == []
        simple.store("login", **{"role-id": role_id, "secret-id": "wrong"})
        assert simple.problems() == ["login-refused"]
    finally:
        admin.sys.disable_auth_method(mount)


def test_jwt(simple: Place) -> None:
    admin, mount = simple.admin, f"jwt-{simple.name}"
    admin.sys.enable_auth_method("jwt", path=mount)
    try:
        keys = json.loads(simple.kubectl("get", "--raw", "/openid/v1/jwks"))["keys"]
        admin.write_data(
            f"auth/{mount}/config", data={"jwt_validation_pubkeys": [public(key) for key in keys]}
        )
        simple.config["vault"]["auth"] = {"method": "jwt", "mount": mount, "role": simple.name}
        simple.permit()
        simple.put("redis", a="by jwt")
        assert simple.run("secrets") == 0
        assert simple.secret("redis") == {"password": b"by jwt"}
        assert simple.logins() == []
        simple.config["vault"]["auth"]["audience"] = "somebody else"
        simple.permit()
        assert simple.problems() == ["login-refused"]
    finally:
        admin.sys.disable_auth_method(mount)


def test_a_token_from_a_secret_outlives_the_job(simple: Place) -> None:
    login = {"method": "token", "role": simple.name}
    simple.config["vault"]["auth"] = {**login, "secret": {"name": "login"}}
    policy = {"policies": [simple.name], "no_default_policy": True, "ttl": "5m"}
    token = simple.admin.auth.token.create(**policy)["auth"]["client_token"]
    simple.store("login", token=token)
    simple.permit()
    for value in ("first", "second"):
        simple.put("redis", a=value)
        assert simple.run("secrets") == 0
        assert simple.secret("redis") == {"password": value.encode()}


def test_a_wrapped_token_works_once(simple: Place, capsys: Output) -> None:
    login = {"method": "wrapped", "role": simple.name}
    simple.config["vault"]["auth"] = {**login, "secret": {"name": "login"}}
    policy = {"policies": [simple.name], "no_default_policy": True, "ttl": "5m"}
    wrapped = simple.admin.auth.token.create(**policy, wrap_ttl="60s")["wrap_info"]["token"]
    simple.store("login", secrets=wrapped)
    simple.permit()
    simple.put("redis", a="unwrapped")
    assert simple.run("secrets") == 0
    assert simple.secret("redis") == {"password": b"unwrapped"}
    assert simple.logins() == []
    simple.put("redis", a="again")
    assert simple.problems() == ["login-refused"]
    assert "is spent or has expired" in capsys.readouterr().out
    assert simple.secret("redis") == {"password": b"unwrapped"}


def public(key: dict[str, str]) -> str:
    """Return a public key of a JSON Web Key Set as PEM."""
    x, y = (int.from_bytes(base64.urlsafe_b64decode(key[part] + "==")) for part in "xy")
    numbers = EllipticCurvePublicNumbers(x, y, SECP256R1())
    encoding, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return numbers.public_key().public_bytes(encoding, kind).decode()

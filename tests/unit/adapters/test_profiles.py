"""AWS profiles: where one is needed a sentence with the file, and where none is no complaint."""

from __future__ import annotations

from pathlib import Path

import pytest

from embargo_butler.adapters import profiles
from embargo_butler.adapters.objects import BucketObjects
from embargo_butler.errors import GatewayError
from embargo_butler.secret import Secret

TWO_STORES = """\
[wsummit]
aws_access_key_id = A
aws_secret_access_key = S
[embargo-rw]
aws_access_key_id = B
aws_secret_access_key = T
[half]
aws_access_key_id = C
[empty]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "credentials"
    made.write_text(TWO_STORES)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(made))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return made


@pytest.mark.parametrize(("name", "pair"), [("wsummit", ("A", "S")), ("embargo-rw", ("B", "T"))])
def test_the_one_that_is_named_counts_whatever_the_shell_says(
    file: Path, name: str, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in (("AWS_PROFILE", "gone"), ("AWS_ACCESS_KEY_ID", "other")):
        monkeypatch.setenv(variable, value)
    found = profiles.keys(name)
    assert (found.access.text(), found.secret.text()) == pair


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("wsumit", TWO_STORES, " has no such profile; there are: wsummit; put aws_access_key_id"),
        ("half", TWO_STORES, " lacks aws_secret_access_key; put aws_access_key_id and "),
        ("empty", TWO_STORES, " has no keys of it; put aws_access_key_id and "),
        ("wsummit", "nonsense", ", or ~/.aws/config beside it, cannot be read (ConfigParseError)"),
        ("wsummit", None, " (AWS_SHARED_CREDENTIALS_FILE): no file; there is none at all; put aws"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(
    file: Path, name: str, content: str | None, said: str
) -> None:
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(GatewayError) as error:
        profiles.keys(name)
    assert str(error.value).startswith(f"AWS profile {name}: {file}{said}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["nonsense", TWO_STORES])
def test_the_bucket_is_read_without_a_look_at_them(
    file: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(content)
    monkeypatch.setenv("AWS_PROFILE", "gone")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    env = {"S3_ENDPOINT_URL": Secret("http://s3.test"), "AWS_ACCESS_KEY_ID": Secret("A")}
    BucketObjects("rubin-summit", {**env, "AWS_SECRET_ACCESS_KEY": Secret("S")})

"""What a tag means now, asked of its registry.

Source: OCI Distribution Specification 1.1, "Pulling manifests"; for the token, the Docker
registry's token authentication (anonymous pull).
"""

from __future__ import annotations

import re

import requests

from embargo_butler.errors import HooksError
from embargo_butler.release.image_tags import Image

_KINDS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_TIMEOUT_SECONDS = 20


class RegistryError(HooksError):
    """A registry does not answer, or does not have the image."""

    kind = "registry"


def digest(image: Image) -> str:
    """Return the digest of what the image's tag means now, of all platforms where it has several.

    Raises:
        RegistryError: The registry is not to be reached, or has no such tag.
    """
    host, repository = image.registry, image.repository
    if host == "docker.io":
        host = "registry-1.docker.io"
        repository = repository if "/" in repository else f"library/{repository}"
    # As container runtimes do: a registry on this machine speaks plain HTTP.
    scheme = "http" if host.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    url = f"{scheme}://{host}/v2/{repository}/manifests/{image.tag}"
    try:
        answer = _ask(url, repository)
    except requests.RequestException as error:
        raise RegistryError(f"{image}: registry {host} does not answer: {error}") from None
    if answer.status_code == 404:
        raise RegistryError(f"{image}: the registry has no such tag")
    found = answer.headers.get("Docker-Content-Digest", "")
    if answer.status_code != 200 or not re.fullmatch("sha256:[0-9a-f]{64}", found):
        raise RegistryError(
            f"{image}: registry {host} answers {answer.status_code} and digest {found!r}; a "
            "digest was expected. Is the repository public?"
        )
    return found


def _ask(url: str, repository: str) -> requests.Response:
    headers = {"Accept": _KINDS}
    answer = requests.head(url, headers=headers, timeout=_TIMEOUT_SECONDS)
    if answer.status_code == 401:
        asked = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers.get("WWW-Authenticate", "")))
        if "realm" in asked:
            query = {"service": asked.get("service", ""), "scope": f"repository:{repository}:pull"}
            given = requests.get(asked["realm"], params=query, timeout=_TIMEOUT_SECONDS)
            given.raise_for_status()
            token = given.json().get("token") or given.json().get("access_token")
            headers["Authorization"] = f"Bearer {token}"
            answer = requests.head(url, headers=headers, timeout=_TIMEOUT_SECONDS)
    return answer

"""URLs in which people may have put credentials."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def split(text: str) -> tuple[str, SplitResult]:
    """Return a URL's userinfo, and the URL without it.

    All before the last "@" is userinfo, as Ceph takes it (`rgw_url.cc`), though a "/", "?" or "#"
    in a password would end the host for `urlsplit`.

    Raises:
        ValueError: It has no host, a wrong port, or spaces.
    """
    scheme, _, rest = text.partition("://")
    userinfo, _, rest = rest.rpartition("@")
    url = urlsplit(f"{scheme}://{rest}")
    if not url.hostname or url.port == 0 or any(map(str.isspace, text)):
        raise ValueError("no URL with a host")
    return userinfo, url


def is_sound(text: str) -> bool:
    """Whether everybody takes a URL apart alike, the gateway too."""
    try:
        userinfo, _ = split(text)
    except ValueError:
        return False
    return set("/?#[]@").isdisjoint(userinfo)

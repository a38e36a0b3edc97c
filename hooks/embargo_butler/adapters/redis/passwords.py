"""Redis' access control list: which passwords its default user has.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/ (Redis 6 and
later). A change lasts until Redis restarts; then it reads what its Secret says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, ConnectionError, TimeoutError
from redis.exceptions import RedisError as ClientError
from redis.retry import Retry

from embargo_butler.errors import RedisError
from embargo_butler.secret import Secret
from embargo_butler.waiting import until

_TIMEOUT_SECONDS = 5
_PAUSE_SECONDS = 0.5

Found = TypeVar("Found")


class RedisPasswords:
    """The passwords of one Redis."""

    def __init__(
        self,
        address: Callable[[], tuple[str, int]],
        what: str,
        running: Callable[[], bool],
        until: float,
    ) -> None:
        """Connect to nothing yet.

        Args:
            address: Tells where it is.
            what: What to call it in messages.
            running: Tells whether it runs: then it must be told, else it reads its Secret later.
            until: The monotonic time until which one that runs is asked again.
        """
        self._address = address
        self._what = what
        self._running = running
        self._until = until

    def admitted(self, by: Sequence[Secret]) -> frozenset[str] | None:
        """Return what it lets in; None where it does not run."""
        return self._ask(by, "read who may log in", _passwords)

    def admit(self, by: Sequence[Secret], digest: str) -> None:
        """Let one more password in."""
        self._ask(by, "let the next password in", _setting(f"#{digest}"))

    def dismiss(self, by: Sequence[Secret], digest: str) -> None:
        """Let a password in no longer; who is connected stays."""

        def dismiss(client: Any) -> None:
            if digest in _passwords(client):
                _setting(f"!{digest}")(client)

        self._ask(by, "dismiss a password", dismiss)

    def _ask(self, by: Sequence[Secret], verb: str, call: Callable[[Any], Found]) -> Found | None:
        for left in until(self._until, _PAUSE_SECONDS):
            if not self._running():
                break
            try:
                return self._once(by, verb, call)
            except (ConnectionError, TimeoutError, BusyLoadingError) as error:
                if left <= 0:
                    raise RedisError(
                        f"{self._what}: cannot {verb}: it runs and does not answer "
                        f"({type(error).__name__}); nobody may get another password before it is "
                        "told. Look at its pod, then run again"
                    ) from None
        return None

    def _once(self, by: Sequence[Secret], verb: str, call: Callable[[Any], Found]) -> Found:
        host, port = self._address()
        for password in by:
            # The client's methods are typed as if each of them might be asynchronous.
            client: Any = Redis(
                host=host,
                port=port,
                password=password.text(),
                decode_responses=True,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
            try:
                return call(client)
            except AuthenticationError:
                continue
            except (ConnectionError, TimeoutError, BusyLoadingError):
                raise
            except ClientError as error:
                raise RedisError(
                    f"{self._what}: cannot {verb}: {type(error).__name__}; it has to be Redis 6 or "
                    "later"
                ) from None
            finally:
                client.close()
        raise RedisError(
            f"{self._what}: cannot {verb}: it refuses the Secret's password, and the next one; "
            "it was started with another one. Restart it (kubectl rollout restart "
            "statefulset/redis) and what connects to it, then run again"
        )


def _passwords(client: Any) -> frozenset[str]:
    return frozenset(client.acl_getuser("default")["passwords"])


def _setting(modifier: str) -> Callable[[Any], None]:
    return lambda client: client.execute_command("ACL", "SETUSER", "default", modifier)

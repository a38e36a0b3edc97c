"""What names may be; the chart's schema has the same patterns."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import Strict, StringConstraints


class Name(NamedTuple):
    """A kind of name."""

    pattern: str
    words: str

    def fits(self, name: str) -> bool:
        """Whether a name is of this kind."""
        return re.fullmatch(self.pattern, name) is not None

    @property
    def whole(self) -> StringConstraints:
        """What pydantic checks."""
        return StringConstraints(pattern=f"^{self.pattern}$")


USER = Name(
    "([A-Za-z0-9._-]+[$])?[A-Za-z0-9._-]+",
    "a user: letters, digits, `.`, `_` and `-`; one of a tenant is `tenant$user`",
)
IDENTIFIER = Name("[A-Za-z0-9_-]{1,256}", "1 to 256 letters, digits, `_` and `-`")
BUCKET = Name(
    "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    "the name of a bucket: 3 to 63 small letters, digits, `.` and `-`",
)
ZONE = Name("[a-z0-9-]+", "small letters, digits and `-`")
ACTION = Name("s3:[A-Za-z*]+", "an action, such as s3:GetObject")
SECRET = Name(
    "[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?",
    "as name of a Secret small letters, digits, `-` and `.`",
)
KEY = Name("[-._a-zA-Z0-9]{1,253}", "as key of a Secret letters, digits, `-`, `_` and `.`")
WORDS = {
    f"^{each.pattern}$": each.words
    for each in (USER, IDENTIFIER, BUCKET, ZONE, ACTION, SECRET, KEY)
}
"""What is expected, by pattern."""

User = Annotated[str, Strict(), USER.whole]
Identifier = Annotated[str, Strict(), IDENTIFIER.whole]
BucketName = Annotated[str, Strict(), BUCKET.whole]
Zone = Annotated[str, Strict(), ZONE.whole]
Action = Annotated[str, Strict(), ACTION.whole]
SecretName = Annotated[str, Strict(), SECRET.whole]
SecretsKey = Annotated[str, Strict(), KEY.whole]

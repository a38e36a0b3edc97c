"""AWS profiles, as people have them in ~/.aws on a login node."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from botocore.exceptions import BotoCoreError, PartialCredentialsError
from botocore.session import Session

from embargo_butler.errors import GatewayError
from embargo_butler.model.ports import Keys
from embargo_butler.secret import Secret

_UNSET = (None, None, None, None)


def keys(name: str) -> Keys:
    """Return the keys of a profile, whatever AWS_PROFILE and the like say.

    Raises:
        GatewayError: There is no such profile, or it has no keys; the file and the nearest names
            are told.
    """
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    where = f"AWS profile {name}: {file}"
    absent = "" if Path(file).expanduser().exists() else " (AWS_SHARED_CREDENTIALS_FILE): no file"
    session = Session(session_vars={"profile": _UNSET})
    wanted = f"put aws_access_key_id and aws_secret_access_key under [{name}] there"
    try:
        there = session.available_profiles
        if name not in there:
            near = difflib.get_close_matches(name, there) or there
            known = f"there are: {', '.join(near)}" if near else "there is none at all"
            raise GatewayError(f"{where}{absent or ' has no such profile'}; {known}; {wanted}")
        session.set_config_variable("profile", name)
        found = session.get_credentials()
    except PartialCredentialsError as error:
        raise GatewayError(f"{where} lacks {error.kwargs['cred_var']}; {wanted}") from None
    except BotoCoreError as error:
        raise GatewayError(
            f"{where}, or ~/.aws/config beside it, cannot be read ({type(error).__name__}): "
            f"expected are sections as `[{name}]` with lines as `aws_access_key_id = ...`"
        ) from None
    if found is None:
        raise GatewayError(f"{where} has no keys of it; {wanted}")
    fixed = found.get_frozen_credentials()
    return Keys(Secret(fixed.access_key or ""), Secret(fixed.secret_key or ""))

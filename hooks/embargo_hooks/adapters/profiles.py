"""AWS profiles, as people have them in ~/.aws on a login node."""

from __future__ import annotations

import difflib

from boto3 import Session
from botocore.exceptions import BotoCoreError

from embargo_hooks.buckets import Keys
from embargo_hooks.errors import GatewayError
from embargo_hooks.secret import Secret


def keys(name: str) -> Keys:
    """Return the keys of a profile.

    Raises:
        GatewayError: There is no such profile, or it has no keys; the nearest names are told.
    """
    there = Session().available_profiles
    if name not in there:
        near = difflib.get_close_matches(name, there) or there
        known = f"there are: {', '.join(near)}" if near else "there is none at all"
        raise GatewayError(
            f"AWS profile {name}: is not in ~/.aws/credentials (AWS_SHARED_CREDENTIALS_FILE); "
            f"{known}"
        )
    try:
        found = Session(profile_name=name).get_credentials()
    except BotoCoreError as error:
        raise GatewayError(f"AWS profile {name}: cannot be read ({type(error).__name__})") from None
    if found is None:
        raise GatewayError(f"AWS profile {name}: has no access key")
    fixed = found.get_frozen_credentials()
    return Keys(Secret(fixed.access_key or ""), Secret(fixed.secret_key or ""))

"""The environment's object store: Ceph 16, its users and buckets, and another team's things."""

from __future__ import annotations

from tests.rig.progress import Say
from tests.rig.release import Release
from tests.rig.site import EMBARGO_PORT, LISTENER_URL, RGW_PORT
from tests.rig.store import REGION, Store

CONTRACT_USERS = {
    "owner": "contract-owner",
    "other": "contract-other",
    "tenant": "contract$contract-tenant",
}
"""Whom the contract suite works as, in buckets of its own."""

USERS = ("prompt-processing-dev", "rubin-prompt-processing", *CONTRACT_USERS.values())
"""Whom everybody shares; each release has users of its own beside them."""

FOREIGN_NAME = "rubin-prompt-processing-prod"
FOREIGN_USER = "rubin-prompt-processing"
FOREIGN_ENDPOINT = f"{LISTENER_URL}/prompt-processing"
"""Prompt Processing's topic and notification: theirs, on the buckets that ours are on."""
_FOREIGN_TOPIC = f"arn:aws:sns:{REGION}::{FOREIGN_NAME}"

STORE = Store("ceph", 16, 13300, RGW_PORT, USERS)
EMBARGO = Store("embargo", 16, 13307, EMBARGO_PORT, (), zone_group="sdfembargo")
"""The second store of the same software, where summit-new's bucket is."""
client = STORE.client


def up(say: Say) -> None:
    """Have the gateway running, with what all environments share."""
    STORE.up(say)
    _prompt_processing()
    say(STORE.url)


def make(release: Release) -> None:
    """Have a release's users and buckets, and Prompt Processing on its raw bucket."""
    for name in (release.bucket, release.users_bucket):
        STORE.ensure_user(name)
        s3 = client("s3", name)
        if name not in [found["Name"] for found in s3.list_buckets()["Buckets"]]:
            s3.create_bucket(Bucket=name)
    _announce_to_prompt_processing(release.bucket)


def remove(release: Release) -> None:
    """Remove a release's buckets with all that is in them, its topics, and its users.

    Its topics are those that the raw bucket's notifications use, but for Prompt Processing's.
    """
    _remove_topics(release.bucket)
    for name in (release.bucket, release.users_bucket):
        STORE.admin("user", "rm", "--uid", name, "--purge-data")


def _remove_topics(bucket: str) -> None:
    found = client("s3", bucket).get_bucket_notification_configuration(Bucket=bucket)
    arns = {each["TopicArn"] for each in found.get("TopicConfigurations", [])}
    for arn in arns - {_FOREIGN_TOPIC}:
        client("sns", bucket).delete_topic(TopicArn=arn)


def _prompt_processing() -> None:
    sns = client("sns", FOREIGN_USER)
    if _FOREIGN_TOPIC not in [each["TopicArn"] for each in sns.list_topics().get("Topics", [])]:
        attributes = {
            "push-endpoint": FOREIGN_ENDPOINT,
            "OpaqueData": "prompt-processing",
            "persistent": "true",
        }
        sns.create_topic(Name=FOREIGN_NAME, Attributes=attributes)


def _announce_to_prompt_processing(bucket: str) -> None:
    s3 = client("s3", bucket)
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    if FOREIGN_NAME in [each["Id"] for each in found.get("TopicConfigurations", [])]:
        return
    # On Ceph this adds one notification; the bucket's others stay.
    entry = {"Id": FOREIGN_NAME, "TopicArn": _FOREIGN_TOPIC, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"TopicConfigurations": [entry]}
    )

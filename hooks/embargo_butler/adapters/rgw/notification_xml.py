"""Bucket notifications in S3's XML.

Ceph adds filters to it (`S3Metadata`, `S3Tags`, `regex` of the key), which are read like the
others: boto3 does not know them, and would take a restricted notification for one that is not.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from embargo_butler.adapters.rgw.answer_xml import root, tag, text
from embargo_butler.model.resources import Notification

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_KEY = "S3Key"


def written(notification: Notification, arn: str) -> bytes:
    """Return a configuration of this one notification."""
    configuration = Element("NotificationConfiguration", xmlns=_NAMESPACE)
    entry = SubElement(configuration, "TopicConfiguration")
    SubElement(entry, "Id").text = notification.name
    SubElement(entry, "Topic").text = arn
    for event in sorted(notification.events):
        SubElement(entry, "Event").text = event
    if notification.filter:
        listed = SubElement(SubElement(entry, "Filter"), _KEY)
        for name, value in sorted(notification.filter):
            rule = SubElement(listed, "FilterRule")
            SubElement(rule, "Name").text = name
            SubElement(rule, "Value").text = value
    return ElementTree.tostring(configuration)


def read(document: bytes) -> tuple[Notification, ...]:
    """Return the notifications of a configuration.

    Raises:
        ValueError: It is not one.
    """
    entries = root(document, "NotificationConfiguration").findall("{*}TopicConfiguration")
    return tuple(
        Notification(
            name=text(entry, "Id"),
            topic=text(entry, "Topic").rpartition(":")[2],
            events=frozenset(event.text or "" for event in entry.findall("{*}Event")),
            filter=frozenset(
                (_rule(part, text(rule, "Name")), text(rule, "Value"))
                for part in entry.findall("{*}Filter/*")
                for rule in part.findall("{*}FilterRule")
            ),
        )
        for entry in entries
    )


def _rule(part: Element, name: str) -> str:
    # Amazon's names, and moto's, begin with a capital letter.
    return name.lower() if tag(part) == _KEY else f"{tag(part)} {name}"

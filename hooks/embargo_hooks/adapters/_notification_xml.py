"""Bucket notifications in S3's XML, with the filters that Ceph adds to it (metadata, tags).

boto3 does not know those filters: it would read a restricted notification as one that is not.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from embargo_hooks import _filters
from embargo_hooks.adapters._answer_xml import root, text
from embargo_hooks.resources import Notification

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_PARTS = {"key": "S3Key", "metadata": "S3Metadata", "tags": "S3Tags"}


def written(notification: Notification, arn: str) -> bytes:
    """Return a configuration of this one notification."""
    configuration = Element("NotificationConfiguration", xmlns=_NAMESPACE)
    entry = SubElement(configuration, "TopicConfiguration")
    SubElement(entry, "Id").text = notification.name
    SubElement(entry, "Topic").text = arn
    for event in sorted(notification.events):
        SubElement(entry, "Event").text = event
    if rules := _filters.rules(notification.filter):
        place = SubElement(entry, "Filter")
        for part, some in rules.items():
            listed = SubElement(place, _PARTS[part])
            for name, value in some.items():
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
            filter=_filters.text(
                {
                    part: {
                        # Amazon's, and moto's, begin with a capital letter.
                        text(rule, "Name").lower() if part == "key" else text(rule, "Name"): (
                            text(rule, "Value")
                        )
                        for rule in entry.findall(f"{{*}}Filter/{{*}}{element}/{{*}}FilterRule")
                    }
                    for part, element in _PARTS.items()
                }
            ),
        )
        for entry in entries
    )

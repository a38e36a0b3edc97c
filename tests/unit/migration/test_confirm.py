"""`import --confirm`: what is unconfirmed in the eight files becomes what the object store has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from embargo_butler.adapters.programs import Done
from embargo_butler.buckets import policy
from embargo_butler.cli.job import command as cli
from embargo_butler.cli.operator import verbs
from embargo_butler.cli.operator.command import main
from embargo_butler.config import config as hooks_config
from embargo_butler.config.buckets import BucketConfig
from embargo_butler.config.config import Config
from embargo_butler.config.templates import render
from embargo_butler.errors import GatewayError, KubernetesError, VaultError
from embargo_butler.migration.confirm import Confirmed
from embargo_butler.migration.confirming import Confirmation, visible
from embargo_butler.model.resources import KubernetesSecret, Notification, Topic
from embargo_butler.release.yaml_file import YamlFile
from embargo_butler.secret import Secret
from tests.unit.chart import helm
from tests.unit.chart.helm import PROJECT
from tests.unit.fakes import FakeWorld
from tests.unit.programs import Fake

ALL = sorted(path.stem for path in (PROJECT / "bucket-config").glob("*.yaml"))
MARKED = [
    name for name in ALL if "unconfirmed:" in (PROJECT / f"bucket-config/{name}.yaml").read_text()
]
OF_TOPICS = [name for name in MARKED if name != "summit"]
PREFIX = {"lfa": "GenericCamera/"}
"""What images begin with where that is no camera of the defaults."""
SECRET = "notification-value"
EVENTS = frozenset({"s3:ObjectCreated:*"})


_RENDERED = dict[tuple[str, ...], Done]()


def _rendered(what: tuple[str, ...], words: tuple[str, ...]) -> Done:
    """Render once what several tests begin with."""
    if what not in _RENDERED:
        try:
            _RENDERED[what] = Done(0, helm.helm(*words), "")
        except helm.HelmError as error:
            return Done(1, "", str(error))
    return _RENDERED[what]


class RealHelm(Fake):
    """A kubectl that is not there, and the Helm that is."""

    def run(self, words: Any, stdin: str = "", seconds: float | None = 120) -> Done:
        if list(words[:2]) == ["helm-of-test", "template"]:
            files = [Path(each).read_text() for each in words if each.endswith(".yaml")]
            plain = [each for each in words[1:] if not each.startswith("/")]
            return _rendered((*plain, *files), tuple(words[1:]))
        return super().run(words, stdin, seconds)


@dataclass
class Desk:
    """A checkout of one environment, with its object store.

    Attributes:
        name: The environment.
        folder: The checkout.
        world: Vault, cluster and object store.
        whole: What is declared, as if all of it were confirmed.
        asked: What the operator was asked.
        answer: What the operator types.
    """

    name: str
    folder: Path
    world: FakeWorld
    whole: Config
    asked: list[str]
    answer: str = ""

    @property
    def file(self) -> Path:
        return self.folder / "bucket-config" / f"{self.name}.yaml"

    @property
    def buckets(self) -> BucketConfig:
        assert self.whole.buckets
        return self.whole.buckets

    def document(self) -> Any:
        return yaml.safe_load(self.file.read_text())["bucketConfig"]

    def edit(self, change: Callable[[str], str]) -> None:
        before = self.file.read_text()
        self.file.write_text(change(before))
        assert self.file.read_text() != before

    def run(self, verb: str, *words: str) -> int:
        values = yaml.safe_load((self.folder / f"values/{self.name}.yaml").read_text())
        fake = RealHelm(values["cluster"])

        def ask(question: str) -> str:
            self.asked.append(question)
            return self.answer or self.name

        typed = [verb, self.name, *words, "--project", str(self.folder)]
        return main(typed, fake.programs, ask)

    def has_what_is_declared(self) -> None:
        """Put all that is declared into the object store, as somebody by hand."""
        store, config = self.world.store, self.buckets
        state = self.world.fake_cluster.states[0]
        context = {
            "enqueue": {"address": state.address},
            "secrets": {"notification": {"secret": SECRET}},
        }
        for topic in config.topics.values():
            filled = {
                key: Secret(render(value, context)) for key, value in topic.attributes.items()
            }
            store.topics[topic.name] = Topic(topic.name, filled)
        for name, bucket in config.buckets.items():
            store.owners[name] = bucket.owner
            store.notifications[name] = [
                Notification(each.name, each.topic, each.events, each.filter)
                for each in bucket.notifications.values()
            ]
            store.notifications[name] += [
                Notification(each, "theirs", EVENTS) for each in bucket.foreign
            ]
            if made := policy.declared(bucket, self.name):
                store.policies[name] = [
                    {**each, "Sid": f"byhand{number}"} for number, each in enumerate(made)
                ]

    def has_unconfirmed(self) -> list[tuple[str, str]]:
        """Return the buckets and Ids of what is unconfirmed and not of a marked bucket."""
        document = self.document()
        topics = {name for name, each in document["topics"].items() if "unconfirmed" in each}
        return [
            (bucket, name)
            for bucket, entry in document["buckets"].items()
            for name, each in (entry.get("notifications") or {}).items()
            if each["topic"] in topics or "unconfirmed" in each
        ]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Desk]:
    def made(name: str) -> Desk:
        (tmp_path / "charts").symlink_to(PROJECT / "charts")
        for folder in ("values", "bucket-config"):
            (tmp_path / folder).mkdir()
            for file in (PROJECT / folder).glob("*.yaml"):
                (tmp_path / folder / file.name).write_text(file.read_text())
        rendered = helm.parsed(helm.unchanged(name))
        [told] = [
            each["data"]["config.yaml"]
            for key, each in rendered.items()
            if key.startswith("ConfigMap/") and key.endswith("-config")
        ]
        document = yaml.safe_load(told)
        text = json.dumps(without_marks(document))
        whole = hooks_config.parse(json.loads(text), "whole")
        assert whole.buckets
        documents = {
            str(owner.path): {"access_key": f"{owner.name}-access", "secret_key": "s"}
            for owner in whole.buckets.owners.values()
        }
        value = SECRET
        if at := document["secrets"].get("notification"):
            source = at["secret"]
            documents.update(
                {source["path"]: {source["field"]: SECRET}} if "path" in source else {}
            )
            value = source.get("value", SECRET)
        world = FakeWorld(documents)
        if whole.enqueue and whole.enqueue.address:
            ready = world.fake_cluster.states[0]
            world.fake_cluster.states = [type(ready)(whole.enqueue.address, True)]
        secret = KubernetesSecret("notification", {"secret": Secret(value)})
        world.fake_cluster.secrets["notification"] = secret
        for module in (verbs, cli):
            monkeypatch.setattr(module, "Connections", lambda *_, **__: world)
        return Desk(name, tmp_path, world, whole, [])

    return made


def without_marks(document: Any) -> Any:
    if isinstance(document, Mapping):
        return {k: without_marks(v) for k, v in document.items() if k != "unconfirmed"}
    return document


def without_lines(text: str) -> str:
    """Return a file without the lines of its marks, however they are made."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.strip().startswith("unconfirmed:"))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("folder", ["values", "bucket-config"])
def test_a_file_that_nobody_changes_stays_byte_for_byte(name: str, folder: str) -> None:
    path = PROJECT / folder / f"{name}.yaml"
    assert YamlFile(path).text() == path.read_text()


@pytest.mark.parametrize("name", MARKED)
def test_what_the_store_has_as_declared_loses_its_marks_and_nothing_else(
    name: str, desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk(name)
    at.has_what_is_declared()
    before = at.file.read_text()
    assert at.run("import", "--confirm") == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert at.file.read_text() == without_lines(before)
    assert "stays unconfirmed" not in said
    assert SECRET not in said
    assert [line for line in said.splitlines() if line.startswith("-  ")] == [
        f"-{line}" for line in before.splitlines() if line.strip().startswith("unconfirmed:")
    ]
    assert at.world.store.writes == []
    assert at.run("buckets", "plan") == 0, capsys.readouterr()
    assert "unconfirmed" not in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(set(ALL) - set(MARKED)))
def test_where_nothing_is_unconfirmed_nobody_is_asked(
    name: str, desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk(name)
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    assert said == f"{name}: nothing is unconfirmed; `make buckets ENV={name}` compares\n"
    assert at.asked == at.world.store.calls == at.world.fake_vault.calls == []


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", OF_TOPICS)
def test_what_the_store_has_otherwise_is_written_down(
    name: str, desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk(name)
    at.has_what_is_declared()
    store, asked = at.world.store, at.has_unconfirmed()
    renamed, prefix = dict[str, str](), PREFIX.get(name, "CAMERA/")
    for bucket, declared in asked:
        entries = store.notifications[bucket]
        [live] = [each for each in entries if each.name == declared]
        topic = store.topics.pop(live.topic)
        attributes = dict(topic.attributes)
        attributes |= {"time_to_live": Secret("300"), "persistent": Secret("false")}
        renamed[topic.name] = f"{topic.name}-of-2024"
        store.topics[renamed[topic.name]] = Topic(renamed[topic.name], attributes)
        chosen = frozenset({("prefix", prefix), ("suffix", ".fits")})
        events = frozenset({"ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload"})
        entries[entries.index(live)] = Notification(declared, renamed[topic.name], events, chosen)
    comments = [line for line in at.file.read_text().splitlines() if line.strip()[:1] == "#"]
    assert at.run("import", "--confirm", "--yes") == 0, capsys.readouterr()
    capsys.readouterr()
    found = at.document()
    for bucket, declared in asked:
        entry = found["buckets"][bucket]["notifications"][declared]
        topic = found["topics"][entry["topic"]]
        assert entry["events"] == [
            "s3:ObjectCreated:CompleteMultipartUpload",
            "s3:ObjectCreated:Put",
        ]
        assert entry["filter"] == {"prefix": prefix, "suffix": ".fits"}
        assert topic["attributes"]["time_to_live"] == 300
        assert topic["attributes"]["persistent"] is False
        template = at.buckets.topics[entry["topic"].removesuffix("-of-2024")].attributes
        assert topic["attributes"]["push-endpoint"] == template["push-endpoint"]
        assert topic["attributes"]["OpaqueData"] == template["OpaqueData"]
    assert renamed.keys().isdisjoint(found["topics"])
    left = [line for line in at.file.read_text().splitlines() if line.strip()[:1] == "#"]
    assert left == comments
    assert at.run("buckets", "plan") == 0, capsys.readouterr()


@pytest.mark.parametrize("name", OF_TOPICS)
def test_an_id_is_found_by_its_topic(name: str, desk: Callable[[str], Desk]) -> None:
    at = desk(name)
    at.has_what_is_declared()
    asked = at.has_unconfirmed()
    for bucket, declared in asked:
        entries = at.world.store.notifications[bucket]
        [live] = [each for each in entries if each.name == declared]
        entries[entries.index(live)] = Notification(f"{declared}-id", live.topic, live.events)
    before = at.document()
    assert at.run("import", "--confirm") == 0
    for bucket, declared in asked:
        expected = without_marks(before["buckets"][bucket]["notifications"][declared])
        assert at.document()["buckets"][bucket]["notifications"][f"{declared}-id"] == expected
    assert at.run("buckets", "plan") == 0


def test_id_and_topic_are_found_by_where_it_pushes_to(desk: Callable[[str], Desk]) -> None:
    at = desk("bts")
    at.has_what_is_declared()
    store = at.world.store
    store.topics["events"] = Topic("events", store.topics.pop("rubin-bts").attributes)
    store.topics["other"] = Topic("other", {"push-endpoint": Secret("http://198.19.9.9:8080/")})
    store.notifications["rubin-bts"] = [
        Notification("one", "other", EVENTS),
        Notification("two", "events", EVENTS),
    ]
    assert at.run("import", "--confirm") == 0
    found = at.document()
    assert list(found["topics"]) == ["events"]
    assert found["buckets"]["rubin-bts"]["notifications"] == {
        "two": {"topic": "events", "events": ["s3:ObjectCreated:*"]}
    }


def test_what_might_be_it_is_named_and_not_taken(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("bts")
    at.has_what_is_declared()
    store = at.world.store
    del store.topics["rubin-bts"]
    store.topics["other"] = Topic(
        "other", {"push-endpoint": Secret("http://u:hunter2@198.19.9.9/")}
    )
    store.notifications["rubin-bts"] = [Notification("one", "other", EVENTS)]
    before = at.document()
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    assert (
        "stays unconfirmed: topic rubin-bts: bucket rubin-bts has no notification rubin-bts, and "
        "none that leads there; it has one to topic other at http://***@198.19.9.9/: where one of "
        "them is meant, write its Id and try again"
    ) in said
    assert "hunter" not in said
    assert at.document()["topics"] == before["topics"]
    assert at.document()["buckets"]["rubin-bts"] == before["buckets"]["rubin-bts"]
    at.edit(lambda text: text.replace("        rubin-bts:\n", "        one:\n"))
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    assert "has another push-endpoint than the file says, which is in none of the declared" in said
    assert "hunter" not in said + at.file.read_text()


@pytest.mark.parametrize("name", MARKED)
def test_what_the_store_lacks_stays_and_is_named(
    name: str, desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk(name)
    before = at.file.read_text()
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    assert at.file.read_text() == before
    assert at.asked == [], "there is nothing to ask"
    assert "nothing was written" in said
    document = at.document()
    for kind in ("topic", "bucket"):
        for each, entry in document[f"{kind}s"].items():
            if "unconfirmed" in entry:
                assert f"stays unconfirmed: {kind} {each}: " in said


def test_one_of_two_is_there(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("pp-dev")
    at.has_what_is_declared()
    store = at.world.store
    store.notifications["rubin-pp-dev"].pop(1)
    before = at.file.read_text()
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    assert "confirmed: topic prompt-processing-dev-20260114, notification" in said
    assert "stays unconfirmed: topic prompt-processing-dev: bucket rubin-pp-dev has no not" in said
    assert "pp-dev.yaml: 1 confirmed, 1 left unconfirmed; written, and nothing changed" in said
    mark = "      unconfirmed: no source tells its endpoint"
    kept = [line for line in before.splitlines(keepends=True) if not line.startswith(mark)]
    assert at.file.read_text() == "".join(kept)


def test_what_cannot_be_read_stays_and_the_rest_is_confirmed(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("summit")
    at.has_what_is_declared()
    at.world.store.gone.add("rubin-summit-hdd")
    at.world.fake_vault.documents.pop("rubin/embargo/owners/s3dfrgw/rubin-summit-users")
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    assert "confirmed: bucket rubin-summit-dev\n" in said
    assert "confirmed: bucket rubin-rubintv-data-summit\n" in said
    assert "unconfirmed: bucket rubin-summit-hdd: bucket rubin-summit-hdd: NoSuchBucket" in said
    found = at.document()["buckets"]
    assert [name for name, each in found.items() if "unconfirmed" in each] == ["rubin-summit-hdd"]


def test_where_no_key_is_there_nothing_is_confirmed(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("tts")
    at.has_what_is_declared()
    for owner in ("rubin-tts", "rubin-tts-users"):
        path = f"rubin/embargo/owners/s3dfrgw/{owner}"
        at.world.fake_vault.documents[path] = VaultError(f"{path}: there is nothing", "path-absent")
    before = at.file.read_text()
    assert at.run("import", "--confirm") == 1
    said = capsys.readouterr().out
    assert "bucket rubin-tts: cannot be read: the keys of its owner are not there: " in said
    assert "vault kv put secret/rubin/embargo/owners/s3dfrgw/rubin-tts access_key=" in said
    assert at.file.read_text() == before


def test_a_bucket_is_of_whose_list_it_is_in(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("bts")
    at.has_what_is_declared()
    at.world.store.owners["rubin-rubintv-data-bts"] = "rubin-bts-users"
    assert at.run("import", "--confirm") == 0
    bucket = at.document()["buckets"]["rubin-rubintv-data-bts"]
    assert bucket == {"owner": "rubin-bts-users", "grants": {"read": ["rubin-rubintv-data-ro"]}}
    at.edit(
        lambda text: text.replace(
            "owner: rubin-bts-users\n      grants:\n        read: ",
            "owner: rubin-bts\n      unconfirmed: x\n      grants:\n        read: ",
        )
    )
    at.world.store.owners["rubin-rubintv-data-bts"] = "somebody"
    assert at.run("import", "--confirm") == 0
    assert (
        "bucket rubin-rubintv-data-bts: is in the list of nobody whose" in capsys.readouterr().out
    )


def test_the_policy_of_a_bucket_is_written_down(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("summit")
    at.has_what_is_declared()
    policies = at.world.store.policies
    [both] = policies["rubin-summit-dev"]
    [read] = policies["rubin-rubintv-data-summit"]
    user = "arn:aws:iam::rubin:user/somebody"
    policies["rubin-summit-dev"] = [{**both, "Principal": {"AWS": [user]}}]
    policies["rubin-rubintv-data-summit"] = [read, {**read, "Action": ["s3:GetBucketAcl"]}]
    del policies["rubin-summit-hdd"]
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    found = at.document()["buckets"]
    assert found["rubin-summit-dev"] == {
        "owner": "rubin-summit",
        "grants": {"readWrite": ["rubin$somebody"]},
    }
    assert "bucket rubin-rubintv-data-summit: its statement byhand0: cannot be declared" in said
    assert "stays unconfirmed: bucket rubin-summit-hdd: has no policy" in said


@pytest.mark.parametrize("held", ["", "of another time", SECRET])
def test_no_secret_gets_into_the_file(
    held: str, desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("lfa")
    at.has_what_is_declared()
    topic = at.world.store.topics["rubinobs-lfa-cp"]
    attributes = {**topic.attributes, "OpaqueData": Secret(held)}
    at.world.store.topics["rubinobs-lfa-cp"] = Topic(topic.name, attributes)
    at.edit(lambda text: text.replace("notification.secret }}", "notification.secret }}hunter2"))
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    assert held == "" or held not in said + at.file.read_text()
    assert "hunter2" not in said
    written = at.document()["topics"]["rubinobs-lfa-cp"]
    if held == "of another time":
        assert "topic rubinobs-lfa-cp has another OpaqueData than the file says" in said
        assert "unconfirmed" in written
    else:
        expected = "{{ secrets.notification.secret }}" if held else ""
        assert written["attributes"]["OpaqueData"] == expected


def test_what_cannot_be_known_is_said_and_the_templates_stay(
    desk: Callable[[str], Desk],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = desk("bts")
    at.has_what_is_declared()

    def silent(*_: object) -> Any:
        raise KubernetesError("the cluster's API does not answer")

    for name in ("config_map", "secret", "service"):
        monkeypatch.setattr(at.world.fake_cluster, name, silent)
    before = at.file.read_text()
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr()
    unknown = "cannot be known from here: whether "
    assert (
        f"{unknown}OpaqueData of topic rubin-bts is {{{{ secrets.notification.secret }}" in said.out
    )
    assert f"{unknown}push-endpoint of topic rubin-bts is http://{{{{ enqueue.address" in said.out
    assert "the store has http://198.19.200.1:8080/notify" in said.out
    assert at.file.read_text() == without_lines(before)


def test_an_id_that_stands_there_twice_stays(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("sts")
    at.has_what_is_declared()
    at.world.store.topics["x"] = Topic("x", {"push-endpoint": Secret("http://h/")})
    at.world.store.notifications["rubin-sts"] += [Notification("rubin-sts", "x", EVENTS)]
    before = at.file.read_text()
    assert at.run("import", "--confirm") == 0
    assert "the Id rubin-sts stands twice in bucket rubin-sts" in capsys.readouterr().out
    assert at.file.read_text() == before


@pytest.mark.parametrize(
    ("events", "chosen", "told"),
    [
        ({"s3:ObjectTagging:*"}, frozenset[Any](), "notifications.rubin-sts.events: expected some"),
        (EVENTS, frozenset({("regex", "x.*")}), "its filter of regex: cannot be declared as it is"),
    ],
)
def test_what_cannot_be_declared_stays(
    events: frozenset[str],
    chosen: frozenset[Any],
    told: str,
    desk: Callable[[str], Desk],
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = desk("sts")
    at.has_what_is_declared()
    live = Notification("rubin-sts", "rubin-sts", frozenset(events), chosen)
    at.world.store.notifications["rubin-sts"] = [live]
    before = at.file.read_text()
    assert at.run("import", "--confirm") == 0
    assert told in flat(capsys.readouterr().out)
    assert at.file.read_text() == before


def test_what_is_confirmed_already_stays_and_is_told(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("pp-dev")
    at.has_what_is_declared()
    store = at.world.store
    topic = store.topics["pp-dev-microservice-202509"]
    store.topics[topic.name] = Topic(topic.name, {**topic.attributes, "persistent": Secret("true")})
    store.notifications["rubin-pp-dev"] += [Notification("new", topic.name, EVENTS)]
    before = at.file.read_text()
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    assert at.file.read_text() == without_lines(before)
    assert (
        "mind: topic pp-dev-microservice-202509 is confirmed already, and stays so, but in the "
        "store: another persistent\n"
    ) in said
    assert "mind: bucket rubin-pp-dev has notification new to topic pp-dev-microservice" in said


def test_whoever_does_not_say_so_writes_nothing(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("tts")
    at.has_what_is_declared()
    before, at.answer = at.file.read_text(), "yes"
    assert at.run("import", "--confirm") == 1
    assert "not confirmed, nothing was done" in capsys.readouterr().err
    assert at.file.read_text() == before
    assert [path.name for path in at.file.parent.iterdir() if path.suffix != ".yaml"] == []


def test_for_programs(desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]) -> None:
    at = desk("tts")
    at.has_what_is_declared()
    assert at.run("import", "--confirm", "--yes", "--output", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["confirmed"] == ["topic rubin-tts, notification rubin-tts of bucket rubin-tts"]
    assert document["written"] is True
    assert any(line.startswith("-      unconfirmed: ") for line in document["difference"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("topics:", "topics: ["), "is not YAML"),
        (lambda text: text.replace("unconfirmed: no", "uncomfirmed: no"), "uncomfirmed"),
        (lambda text: text.replace("  region: default", "  region: default\n  region: x"), "twice"),
        (lambda text: "other: 1\n", "bucketConfig: expected a mapping, found nothing"),
        (lambda text: text.replace("bucketConfig:\n", "bucketConfig: []\nx:\n"), "bucketConfig"),
    ],
)
def test_a_file_that_is_not_as_it_should_be(
    change: Callable[[str], str],
    told: str,
    desk: Callable[[str], Desk],
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = desk("tts")
    at.has_what_is_declared()
    at.edit(change)
    before = at.file.read_text()
    assert at.run("import", "--confirm", "--yes") == 1
    assert told in capsys.readouterr().err
    assert at.file.read_text() == before
    assert at.world.store.calls == []


def test_no_file_at_all(desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]) -> None:
    at = desk("tts")
    at.file.unlink()
    assert at.run("import", "--confirm") == 1
    assert "bucket-config/tts.yaml" in capsys.readouterr().err


def test_what_another_file_says_too_is_confirmed_there(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("tts")
    at.has_what_is_declared()
    more = at.folder / "more.yaml"
    more.write_text("bucketConfig: {topics: {rubin-tts: {unconfirmed: so I say}}}\n")
    before = at.file.read_text()
    assert at.run("import", "--confirm", "--yes", "--values", str(more)) == 1
    told = "says otherwise of bucketConfig.topics.rubin-tts: confirm it there, by hand"
    assert told in capsys.readouterr().err
    assert at.file.read_text() == before
    at.edit(lambda text: without_lines(text).replace("rubin-tts: {}", "rubin-tts: {}\n", 1))
    at.edit(lambda text: text.replace("      grants:", "      unconfirmed: x\n      grants:", 1))
    assert at.run("import", "--confirm", "--yes", "--values", str(more)) == 0
    assert "another values file marks it: confirm it there" in capsys.readouterr().out


def test_what_the_chart_refuses_is_not_written(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("bts")
    at.has_what_is_declared()
    topic = at.world.store.topics["rubin-bts"]
    endpoint = Secret("http://198.19.200.2:8080/notify")
    at.world.store.topics["rubin-bts"] = Topic(
        "rubin-bts", {**topic.attributes, "push-endpoint": endpoint}
    )
    before = at.file.read_text()
    assert at.run("import", "--confirm", "--yes") == 1
    said = capsys.readouterr().err
    assert "nothing was written, because the chart refuses what the object store has: " in said
    assert "has a topic that leads to this enqueue" in said
    assert at.file.read_text() == before


def test_a_gateway_that_fails_for_one_bucket(
    desk: Callable[[str], Desk], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("summit")
    at.has_what_is_declared()
    read = at.world.store.policies.get

    class Policies(dict[str, Any]):
        def get(self, bucket: str, default: Any = None) -> Any:
            if bucket == "rubin-summit-dev":
                raise GatewayError("bucket rubin-summit-dev: 403 AccessDenied")
            return read(bucket, default)

    at.world.store.policies = Policies()
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    assert "bucket rubin-summit-dev: cannot be read: bucket rubin-summit-dev: 403 Access" in said
    assert "confirmed: bucket rubin-summit-hdd\n" in said


def test_import_alone_prints_and_asks_nothing(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("bts")
    at.has_what_is_declared()
    before = at.file.read_text()
    assert at.run("import", "--yes") == 0
    assert "rubin-bts" in yaml.safe_load(capsys.readouterr().out)["bucketConfig"]["topics"]
    assert at.file.read_text() == before


def test_a_bucket_waits_for_what_is_in_it(
    desk: Callable[[str], Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk("sts")
    at.has_what_is_declared()
    mark = "      unconfirmed: who knows\n"
    at.edit(lambda text: without_lines(text).replace("      grants:", f"{mark}      grants:"))
    live = Notification("rubin-sts", "rubin-sts", frozenset({"s3:ObjectTagging:*"}))
    at.world.store.notifications["rubin-sts"] = [live]
    before = at.file.read_text()
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    assert "bucket rubin-sts: its notification rubin-sts waits for topic rubin-sts, which" in said
    assert at.file.read_text() == before
    at.world.store.notifications["rubin-sts"] = [Notification("rubin-sts", "rubin-sts", EVENTS)]
    at.world.store.owners["rubin-sts"] = "somebody"
    assert at.run("import", "--confirm") == 0
    said = capsys.readouterr().out
    assert "topic rubin-sts: its notification rubin-sts is in bucket rubin-sts, which stays" in said
    assert at.file.read_text() == before
    at.world.store.owners["rubin-sts"] = "rubin-sts"
    assert at.run("import", "--confirm") == 0
    assert at.file.read_text() == before.replace(mark, "")
    assert at.run("buckets", "plan") == 0


WRITTEN = """\
bucketConfig:
  topics:
    t:
      owner: o
      attributes:
        push-endpoint: "http://u:hunter2@h:80/notify?token=hunter2"
        OpaqueData: "hun\\"ter2"
        persistent: true
      unconfirmed: why
    v:
      owner: o
      attributes:
        push-endpoint: kafka://{{ secrets.k.user }}:{{ secrets.k.password }}@h
        user-name: 'it''s hunter2'
        password: >-
          hunter2
          folded
        OpaqueData: "hunter2{{ secrets.a.b }}"
      unconfirmed: why
"""


def test_a_difference_shows_no_secret_however_it_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(WRITTEN)
    file = YamlFile(tmp_path / "x.yaml")
    for name in ("t", "v"):
        del file.document["bucketConfig"]["topics"][name]["unconfirmed"]
    shown = "\n".join(Confirmed(file, Confirmation((), {})).difference())
    assert "hunter2" not in shown
    assert "ter2" not in shown
    assert "-      unconfirmed: why" in shown
    assert 'OpaqueData: "***"' in shown
    assert file.text().count("hunter2") == 5


@pytest.mark.parametrize(
    ("attribute", "declared", "shown"),
    [
        ("OpaqueData", "{{ secrets.a.b }}", "{{ secrets.a.b }}"),
        ("OpaqueData", "hunter2{{ secrets.a.b }}", "***"),
        (
            "push-endpoint",
            "http://u:p@{{ enqueue.address }}/n",
            "http://***@{{ enqueue.address }}/n",
        ),
        (
            "push-endpoint",
            "http://{{ enqueue.address }}:8080/n",
            "http://{{ enqueue.address }}:8080/n",
        ),
        ("persistent", "True", "True"),
    ],
)
def test_what_is_declared_is_told_without_its_secrets(
    attribute: str, declared: str, shown: str
) -> None:
    assert visible(attribute, declared) == shown

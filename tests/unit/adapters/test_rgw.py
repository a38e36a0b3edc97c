"""How each version of Ceph spells the same topic."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from embargo_butler.adapters.rgw.client import RgwGateway
from embargo_butler.adapters.rgw.hints import hint
from embargo_butler.adapters.rgw.topic_xml import parse
from embargo_butler.errors import GatewayError, NoBucketError
from embargo_butler.model.resources import Notification, Topic
from embargo_butler.secret import Secret
from tests.rig import pki

URL = "http://198.19.200.1:8080/notify"
WANTED = Topic(
    "t",
    {
        "push-endpoint": Secret(URL),
        "OpaqueData": Secret("s&c=1"),
        "persistent": Secret("True"),
        "verify-ssl": Secret("false"),
    },
)
_TWICE = (
    f"Attributes.entry.1.key=push-endpoint&Attributes.entry.1.value={URL}"
    "&Attributes.entry.2.key=OpaqueData&Attributes.entry.2.value=s&c=1"
    f"&OpaqueData=s&c=1&Version=2010-03-31&persistent=true&push-endpoint={URL}&verify-ssl=false"
)
_ONCE = f"OpaqueData=s&c=1&Version=2010-03-31&persistent=true&push-endpoint={URL}&verify-ssl=false"
_REST = f"Version=2010-03-31&push-endpoint={URL}&verify-ssl=false"
_OWN = {"TimeToLive": "None", "MaxRetries": "None", "RetrySleepDuration": "None"}
VERSIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "16": ("", {"EndpointArgs": _TWICE, "Persistent": "true"}),
    "18": ("", {"EndpointArgs": _ONCE, "Persistent": True}),
    "20": ("rubin-summit", {"EndpointArgs": _REST, "Persistent": True, **_OWN}),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_says_the_same(version: str) -> None:
    user, endpoint = VERSIONS[version]
    document = json.dumps({"EndpointAddress": URL, "HasStoredSecret": "false", **endpoint})
    live = parse("t", {"User": user, "EndPoint": document, "OpaqueData": "s&c=1"})
    assert WANTED.differs(live) == frozenset()
    assert live.persistent
    assert live.follows is (version == "20")
    assert live.owner == user


@pytest.mark.parametrize("user", ["rubin", "rubin$"])
def test_the_tenant_that_16_and_18_name_is_no_owner(user: str) -> None:
    _, endpoint = VERSIONS["18"]
    document = json.dumps({"EndpointAddress": URL, **endpoint})
    live = parse("t", {"User": user, "EndPoint": document})
    assert (live.follows, live.owner) == (False, "")


def test_the_order_of_the_endpoints_arguments_says_nothing() -> None:
    def live(arguments: str) -> Topic:
        document = {"EndpointAddress": URL, "EndpointArgs": arguments, "Persistent": True}
        answer = {"EndPoint": json.dumps(document), "OpaqueData": "s&c=1"}
        return parse("t", answer)

    turned = "&".join(reversed(_REST.split("&")))
    assert turned != _REST
    for arguments in (turned, f"{turned}&OpaqueData=s&c=1"):
        assert WANTED.differs(live(arguments)) == frozenset()
        assert live(arguments).differs(live(_REST)) == frozenset()


@pytest.mark.parametrize(
    ("attribute", "one", "other"),
    [
        ("kafka-ack-level", "none", None),
        ("OpaqueData", "None", ""),
        ("OpaqueData", "TRUE", "true"),
        ("amqp-exchange", "True", "true"),
    ],
)
def test_only_limits_are_unset_by_a_word_and_only_flags_have_no_case(
    attribute: str, one: str, other: str | None
) -> None:
    given = {} if other is None else {attribute: Secret(other)}
    assert Topic("t", {attribute: Secret(one)}).differs(Topic("t", given)) == {attribute}


@pytest.mark.parametrize("field", ["TimeToLive", "MaxRetries"])
def test_what_has_a_field_of_its_own_counts(field: str) -> None:
    endpoint: dict[str, Any] = {"EndpointAddress": URL, "Persistent": True, **_OWN, field: "60"}
    live = parse("t", {"User": "u", "EndPoint": json.dumps(endpoint)})
    assert WANTED.differs(live) == frozenset(
        ["OpaqueData", "verify-ssl", {"TimeToLive": "time_to_live"}.get(field, "max_retries")]
    )


@pytest.mark.parametrize(
    ("code", "status", "what", "mend"),
    [
        ("Unknown", 405, "topic t", "no such call: are topics enabled"),
        ("NoSuchKey", 404, "notification n of bucket b", "the topic of this notification is not"),
        ("NoSuchKey", 404, "topic t", ""),
        ("InvalidArgument", 400, "notification n of bucket b", "an event or a filter"),
        ("InvalidArgument", 400, "policy of bucket b", "an action, a resource or a principal"),
        ("InvalidArgument", 400, "topic t", "an attribute, or a push-endpoint"),
        ("InvalidInput", 400, "topic t", "over HTTPS only"),
        ("AuthorizationError", 403, "topic t", "another user owns it"),
        ("", 503, "topics", "starting, migrating or overloaded"),
        ("AccessDenied", 403, "topics", "a topic there holds a password, .* over HTTPS only"),
        ("AccessDenied", 403, "topic t", "a topic there holds a password, .* over HTTPS only"),
        ("AccessDenied", 403, "policy of bucket b", "check `owner` and `grants`$"),
        ("NoSuchBucket", 404, "bucket b", r"its `owner`, which may be of a tenant .*, or make it$"),
        ("SlowDown", 503, "topics", "a persistent topic's queue is full"),
        ("RequestTimeTooSkewed", 403, "topics", "clock"),
        ("AuthorizationHeaderMalformed", 400, "topics", r"bucketConfig\.region"),
        ("PermanentRedirect", 301, "topics", r"points elsewhere: correct bucketConfig\.endpoint"),
        ("", 429, "topics", "overloaded"),
        ("", 403, "topics", r"no gateway's answer: is bucketConfig\.endpoint right"),
        ("", 405, "topics", "no gateway's answer"),
    ],
)
def test_bare_answers_are_explained(code: str, status: int, what: str, mend: str) -> None:
    found = hint(code, status, what)
    assert re.search(mend, found) if mend else found == ""


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://right:7480/b", "https://right:7480/b"),
        ("https://u:hunt@er2@right/b?token=hunter2#hunter2", "https://right/b"),
    ],
)
def test_where_a_redirect_leads_is_told_without_its_secrets(location: str, shown: str) -> None:
    told = f"; this address points elsewhere ({shown}): correct bucketConfig.endpoint"
    assert hint("", 302, "topics", location) == told


class Answers:
    """Stands for the connection: gives out what was prepared."""

    def __init__(self, *answers: tuple[int, bytes] | Exception, lacks: int = 0) -> None:
        self.raw = SimpleNamespace(length_remaining=lacks)
        self.answers = list(answers)
        self.sent: list[Any] = []

    def send(self, request: Any) -> Any:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, content = answer
        return SimpleNamespace(status_code=status, content=content, headers={}, raw=self.raw)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> RgwGateway:
    monkeypatch.setattr("embargo_butler.adapters.rgw.requests._PAUSE_SECONDS", 0)
    return RgwGateway("http://127.0.0.1:1", "default", "own", Secret("a"), Secret("s"))


@pytest.mark.parametrize(
    ("access", "secret", "which"), [("hunter1\n", "s", "access"), ("a", " hunter2", "secret")]
)
def test_a_key_with_whitespace_is_not_taken_for_a_gateway_that_is_away(
    access: str, secret: str, which: str
) -> None:
    told = f"^the {which} key of own begins or ends with whitespace; correct it in Vault$"
    with pytest.raises(GatewayError, match=told):
        RgwGateway("http://127.0.0.1:1", "default", "own", Secret(access), Secret(secret))


@pytest.mark.parametrize("code", ["NoSuchBucket", "NoSuchKey"])
def test_a_bucket_that_is_not_there_is_told_apart(
    gateway: RgwGateway, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = 404, f"<Error><Code>{code}</Code></Error>".encode()
    monkeypatch.setattr(gateway._requests, "_session", Answers(absent, absent, absent))
    for read in (gateway.notifications, gateway.policy):
        with pytest.raises(GatewayError, match=code) as caught:
            read("b")
        assert isinstance(caught.value, NoBucketError) == (code == "NoSuchBucket")
    gateway.delete_notification("b", "n")


DOWN = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


def test_a_short_outage_is_outlived(gateway: RgwGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(DOWN, (500, b""), (503, b""), (429, b""), (204, b""))
    monkeypatch.setattr(gateway._requests, "_session", answers)
    gateway.delete_notification("b", "n")
    assert answers.answers == []


def test_an_outage_is_waited_for_until_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embargo_butler.adapters.rgw.requests._PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("embargo_butler.adapters.rgw.requests._LONGEST_PAUSE_SECONDS", 0.001)
    said: list[str] = []
    until, keys = time.monotonic() + 60, (Secret("a"), Secret("s"))
    gateway = RgwGateway(
        "http://127.0.0.1:1", "default", "own", *keys, until=until, say=said.append
    )
    monkeypatch.setattr(
        gateway._requests, "_session", Answers(*[DOWN] * 10, (503, b""), (204, b""))
    )
    gateway.delete_notification("b", "n")
    [once] = said
    assert once.startswith("waiting for the gateway: notification n of bucket b: cannot delete")
    refused = Answers(*[(500, b"")] * 5)
    monkeypatch.setattr(gateway._requests, "_session", refused)
    with pytest.raises(GatewayError, match="500"):
        gateway.delete_notification("b", "n")
    assert refused.answers == [], "what is no outage is not waited for so long"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (DOWN, "the gateway cannot be reached"),
        ((503, b"<Error><Code>SlowDown</Code></Error>"), r"SlowDown \(503\); the gateway is over"),
    ],
)
def test_a_long_outage_is_told(
    gateway: RgwGateway,
    monkeypatch: pytest.MonkeyPatch,
    answer: tuple[int, bytes] | Exception,
    told: str,
) -> None:
    monkeypatch.setattr(gateway._requests, "_session", Answers(*[answer] * 5))
    match = rf"notifications of bucket b: cannot read it as own at http://127.0.0.1:1: {told}"
    with pytest.raises(GatewayError, match=match):
        gateway.notifications("b")


@pytest.mark.parametrize(
    "said", ["own-secret-key", "a b", "x" * 65, "", "ACCESSKEY", "xACCESSKEYx"]
)
def test_a_code_that_echoes_is_none(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    key, secret = Secret("ACCESSKEY"), Secret("SECRETKEY")
    gateway = RgwGateway("http://127.0.0.1:1", "default", "own", key, secret)
    answer = 403, f"<Error><Code>{said}</Code></Error>".encode()
    monkeypatch.setattr(gateway._requests, "_session", Answers(answer))
    with pytest.raises(GatewayError, match=r": no code \(403\)") as caught:
        gateway.notifications("b")
    assert not said or said not in str(caught.value)


PAGE = b"<html><body/></html>"
BROKEN, NO_OBJECT = (
    f"""<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes><entry>
<key>EndPoint</key><value>{endpoint}</value></entry></Attributes></GetTopicAttributesResult>
</GetTopicAttributesResponse>""".encode()
    for endpoint in ("{", "[]")
)
NO_ARN = b"""<ListTopicsResponse><ListTopicsResult><Topics><member><TopicArn/></member></Topics>
</ListTopicsResult></ListTopicsResponse>"""
UNKNOWN, MANY_BYTES = (
    f'<?xml version="1.0" encoding="{name}"?><Error><Code>X</Code></Error>'.encode()
    for name in ("foo", "utf-7")
)


NOT_FOUND = b"<Error><Code>NoSuchKey</Code></Error>"


def test_the_topic_that_a_notification_lacks_is_named(
    gateway: RgwGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway._requests, "_session", Answers((404, NOT_FOUND)))
    told = "notification n of bucket b to topic t: .*the topic of this notification is not there"
    with pytest.raises(GatewayError, match=told):
        gateway.put_notification("b", Notification("n", "t", frozenset()))


def test_nothing_is_absent_by_a_proxys_word(
    gateway: RgwGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the plan would make a new topic, and nobody would delete the old notification."""
    for each in (gateway.topic, gateway.delete_topic, partial(gateway.delete_notification, "b")):
        monkeypatch.setattr(gateway._requests, "_session", Answers((404, NOT_FOUND)))
        assert each("t") is None
        monkeypatch.setattr(gateway._requests, "_session", Answers((404, PAGE)))
        with pytest.raises(GatewayError, match=r"no code \(404\); this is no gateway's answer"):
            each("t")


@pytest.mark.parametrize(
    "answer", [b"<html>", PAGE, BROKEN, NO_OBJECT, NO_ARN, UNKNOWN, MANY_BYTES]
)
@pytest.mark.parametrize(
    ("what", "read"),
    [
        ("notifications of bucket b", lambda gateway: gateway.notifications("b")),
        ("topics", lambda gateway: gateway.topics()),
        ("topic t", lambda gateway: gateway.topic("t")),
        ("topic t", lambda gateway: gateway.put_topic("t", {})),
        ("policy of bucket b", lambda gateway: gateway.policy("b")),
    ],
)
def test_what_is_no_answer_is_not_taken_for_one(
    gateway: RgwGateway,
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
    what: str,
    read: Callable[[RgwGateway], object],
) -> None:
    monkeypatch.setattr(gateway._requests, "_session", Answers((200, answer)))
    with pytest.raises(GatewayError, match=f"{what}: the gateway's answer cannot be read"):
        read(gateway)


@pytest.mark.parametrize(
    "broken", [b"&#x1b;", b"&#0;", b"&#99999999;", b"\x1b", b"\xff", b"\xef\xbf\xbe"]
)
def test_what_xml_cannot_carry_hides_nothing_else(
    gateway: RgwGateway, monkeypatch: pytest.MonkeyPatch, broken: bytes
) -> None:
    """Ceph 16 and 18 list each topic with its attributes, and escape none of these."""
    topics = b"".join(
        b"<member><User>u</User><TopicArn>arn:aws:sns:default::%s</TopicArn><OpaqueData>%s"
        b"</OpaqueData></member>" % pair
        for pair in ((b"a", broken), (b"b", b"&#x41;&#xd;"))
    )
    listing = b"<ListTopicsResponse><Topics>%s</Topics></ListTopicsResponse>" % topics
    opaque = b"<entry><key>OpaqueData</key><value>a%sb&#x41;</value></entry>" % broken
    topic = b"<GetTopicAttributesResponse><Attributes>%s</Attributes></GetTopicAttributesResponse>"
    answers = Answers((200, listing), (200, topic % opaque))
    monkeypatch.setattr(gateway._requests, "_session", answers)
    assert gateway.topics() == {"a": 0, "b": 0}
    live = gateway.topic("a")
    assert live
    assert live.attributes["OpaqueData"].text() == "a\N{REPLACEMENT CHARACTER}bA"


@pytest.mark.parametrize("refusal", [UNKNOWN, MANY_BYTES])
def test_a_refusal_that_cannot_be_read_has_no_code(
    gateway: RgwGateway, monkeypatch: pytest.MonkeyPatch, refusal: bytes
) -> None:
    monkeypatch.setattr(gateway._requests, "_session", Answers((403, refusal)))
    with pytest.raises(GatewayError, match=r"no code \(403\)"):
        gateway.notifications("b")


@pytest.mark.parametrize(
    "found",
    [
        [],
        {"Version": "2012-10-17"},
        {"Statement": "x"},
        {"Statement": ["x"]},
        {"Statement": [{"Condition": {"StringLike": "x"}}]},
        {"Statement": {"Condition": "x"}},
    ],
)
def test_a_policy_of_another_shape_is_told(
    gateway: RgwGateway, monkeypatch: pytest.MonkeyPatch, found: object
) -> None:
    answer = json.dumps(found).encode()
    monkeypatch.setattr(gateway._requests, "_session", Answers((200, answer)))
    told = "policy of bucket b: what is there is not a policy; correct it"
    with pytest.raises(GatewayError, match=f"{told}$"):
        gateway.policy("b")


def test_a_policys_only_statement_needs_no_list(
    gateway: RgwGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = {"Effect": "Allow", "Condition": {"StringLike": {"s3:prefix": "x"}}}
    answer = json.dumps({"Statement": statement}).encode()
    monkeypatch.setattr(gateway._requests, "_session", Answers((200, answer)))
    assert gateway.policy("b") == [statement]


def test_a_policys_version_and_id_stay(
    gateway: RgwGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is a variable in somebody else's statement is told by the version."""
    theirs = {"Effect": "Allow", "Resource": "arn:aws:s3:::b/${aws:username}/*"}
    before = {"Version": "2008-10-17", "Id": "theirs", "Statement": theirs}
    answers = Answers((200, json.dumps(before).encode()), (204, b""))
    monkeypatch.setattr(gateway._requests, "_session", answers)
    gateway.put_policy("b", [*gateway.policy("b"), {"Sid": "ours"}])
    assert json.loads(answers.sent[1].body) == {**before, "Statement": [theirs, {"Sid": "ours"}]}


def test_a_topic_of_an_older_zone_group_is_no_obstacle(
    gateway: RgwGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zone group that was renamed stays in the ARNs of the topics of that time."""
    arns = ("arn:aws:sns:rubin-zg::older", "arn:aws:sns:default::ours")
    members = "".join(f"<member><TopicArn>{arn}</TopicArn></member>" for arn in arns)
    listing = (
        f"<ListTopicsResponse><ListTopicsResult><Topics>{members}</Topics></ListTopicsResult>"
        "</ListTopicsResponse>"
    ).encode()
    answers = Answers((200, listing), (404, b"<Error><Code>NotFound</Code></Error>"))
    monkeypatch.setattr(gateway._requests, "_session", answers)
    assert gateway.topics() == {"older": 0, "ours": 0}
    assert gateway.topic("ours") is None
    assert b"sns%3Adefault%3A%3Aours" in answers.sent[1].body


def test_all_pages_of_a_listing_are_read(
    gateway: RgwGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (
        "<ListTopicsResponse><ListTopicsResult><Topics><member><TopicArn>arn:aws:sns:default::{}"
        "</TopicArn></member></Topics>{}</ListTopicsResult></ListTopicsResponse>"
    )
    first = page.format("one", "<NextToken>more</NextToken>").encode()
    answers = Answers((200, first), (200, page.format("two", "").encode()))
    monkeypatch.setattr(gateway._requests, "_session", answers)
    assert gateway.topics() == {"one": 0, "two": 0}
    assert b"NextToken=more" in answers.sent[1].body


def test_an_answer_that_always_breaks_off_is_told(
    gateway: RgwGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway._requests, "_session", Answers(*[(200, b"<Lis")] * 5, lacks=9))
    with pytest.raises(GatewayError, match=r"topics: .*: the gateway's answer breaks off"):
        gateway.topics()


NO_TOPICS = (
    b"<ListTopicsResponse><ListTopicsResult><Topics/></ListTopicsResult></ListTopicsResponse>"
)


class Handler(BaseHTTPRequestHandler):
    """Has no topic."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(NO_TOPICS)))
        self.end_headers()
        self.wfile.write(NO_TOPICS)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.mark.parametrize(
    "head", ["Content-Length: 5000\r\n", "Transfer-Encoding: chunked\r\n\r\n9\r\n"]
)
def test_an_answer_that_breaks_off_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    monkeypatch.setattr("embargo_butler.adapters.rgw.requests._PAUSE_SECONDS", 0)
    asked: list[bytes] = []

    class BreakingOff(Handler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            if len(asked) > 1:
                super().do_POST()
            else:
                self.wfile.write(f"HTTP/1.1 200 OK\r\n{head}\r\n<Lis".encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), BreakingOff) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        gateway = RgwGateway(endpoint, "default", "own", Secret("a"), Secret("s"))
        assert gateway.topics() == {}
        server.shutdown()
    assert len(asked) == 2


@pytest.fixture
def over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway's address, whose certificate is by an authority of its own: `ca.crt`."""
    monkeypatch.setattr(pki, "PKI", tmp_path)
    monkeypatch.setattr(pki, "CA", tmp_path / "ca.crt")
    pki.up()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "apiserver.crt", tmp_path / "apiserver.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_the_authorities_that_the_environment_names_are_trusted(
    over_tls: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embargo_butler.adapters.rgw.requests._PAUSE_SECONDS", 0)
    keys = (Secret("a"), Secret("s"))
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(GatewayError, match="be reached: certificate verify failed: "):
        RgwGateway(over_tls, "default", "own", *keys).topics()
    monkeypatch.setenv(variable, str(tmp_path / "ca.crt"))
    assert RgwGateway(over_tls, "default", "own", *keys).topics() == {}

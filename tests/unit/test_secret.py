from __future__ import annotations

import json
import pickle
import traceback

import pytest

from embargo_butler.config.templates import TemplateError, references, render
from embargo_butler.secret import Secret

# Put together, so that a traceback does not show it as a line of this file.
VALUE = "hunter" + "2"


def test_a_secret_shows_in_no_form() -> None:
    secret = Secret(VALUE)
    shown = f"{secret} {secret!r} {secret:>20} {[secret]} { ({'k': secret}) } %s" % secret
    assert VALUE not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_a_secret_that_is_not_text_is_not_quoted() -> None:
    with pytest.raises(ValueError, match="not UTF-8") as caught:
        Secret(VALUE.encode() + b"\xff").text()
    shown = "".join(traceback.format_exception(caught.value))
    assert VALUE not in shown


def test_templates_name_what_they_ask_for() -> None:
    text = "{{ a.x | urlencode }}{% for i in [1] %}{{ i }}{{ secrets['s']['k-1'] }}{% endfor %}"
    assert references(text) == {("a", "x"), ("secrets", "s", "k-1")}


def test_userinfo_is_encoded_to_the_last_character() -> None:
    filled = render("https://{{ a.k | urlencode }}@host\n", {"a": {"k": "a/b+c:@é"}})
    assert filled == "https://a%2Fb%2Bc%3A%40%C3%A9@host\n"


def test_what_is_missing_is_named_with_what_is_there() -> None:
    with pytest.raises(TemplateError, match=r"a\.kee.*no 'kee' under a; there: key"):
        render("{{ a.kee }}", {"a": {"key": VALUE}})


@pytest.mark.parametrize("text", ["{{ a[a.key] }}", "{{ a.key + 1 }}", "{{ a.key.nothing }}"])
def test_a_failing_template_does_not_quote_values(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text, {"a": {"key": VALUE}})
    assert VALUE not in "".join(traceback.format_exception(caught.value))


def test_the_sandbox_holds() -> None:
    with pytest.raises(TemplateError):
        render("{{ a.key.__class__.__mro__ }}", {"a": {"key": "v"}})

"""Documents to dataclasses: pydantic checks them; each mistake is told with file and key path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from functools import cache
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    Strict,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

from embargo_butler.config.names import WORDS
from embargo_butler.errors import ConfigError, HooksError, Problems

CLOSED = ConfigDict(extra="forbid", alias_generator=to_camel)
"""For the outermost dataclass: those within have it too."""
_HIDDEN = "\0"
_SHOWN = 60
Read = TypeVar("Read")

Mistake = tuple[tuple[str | int, ...], str]
"""The path from the place that holds the one that is read, and a sentence."""


class Mistakes(ValueError):
    """Several mistakes of one place.

    Attributes:
        found: The mistakes.
        error: What they are.
    """

    def __init__(self, found: Sequence[Mistake], error: type[HooksError] = ConfigError) -> None:
        """Take the mistakes."""
        super().__init__()
        self.found, self.error = found, error

    @classmethod
    def check(cls, found: Iterable[Mistake]) -> None:
        """Raise what was found, if anything was."""
        if told := list(found):
            raise cls(told)


@dataclass(frozen=True)
class ReadAs:
    """Marks what is read as something else, and then converted."""

    kind: Any
    convert: Callable[[Any], Any] = lambda value: value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return how it is read."""
        schema = handler.generate_schema(self.kind)
        return core_schema.no_info_after_validator_function(self.convert, schema)


def hidden(name: str) -> str:
    """Return the key of what no document has, but whoever reads it puts in."""
    return _HIDDEN + name


def _is_tag(step: str | int) -> bool:
    """Whether it is no key, but tells which of several kinds a value is."""
    return str(step).startswith(_HIDDEN)


TEXT, PART = hidden("text"), hidden("mapping")
TEXT_OR_PART = Discriminator(lambda value: PART if isinstance(value, dict) else TEXT)
"""What is either a text or a mapping."""


def different(entries: tuple[Read, ...]) -> tuple[Read, ...]:
    """Refuse what stands there twice."""
    for index, entry in enumerate(entries):
        if entry in entries[:index]:
            what = entry if isinstance(entry, str) else vars(entry)
            raise ValueError(f"{shown(what)} stands there twice")
    return entries


def some_different(entries: tuple[Read, ...]) -> tuple[Read, ...]:
    """Refuse that, or none."""
    if not entries:
        raise ValueError("expected at least 1, found none")
    return different(entries)


def named(too: Callable[[str, Any, ValidationInfo], Any] = lambda *_: {}) -> BeforeValidator:
    """Return what tells each of some entries its name.

    Args:
        too: What else an entry is told, from its name and what is said of it.
    """

    def told(entries: Any, info: ValidationInfo) -> Any:
        return {
            name: {**entry, hidden("name"): str(name), **too(str(name), entry, info)}
            if isinstance(entry, dict)
            else entry
            for name, entry in part(entries).items()
        } or entries

    return BeforeValidator(told)


def part(document: Any, *path: str) -> Mapping[Any, Any]:
    """Return a part of the document that is read, which is every validator's context.

    What is declared wrongly is declared all the same, so it is told once, and not wherever it is
    used too.
    """
    for step in path:
        document = document.get(step) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def or_else(default: Any) -> BeforeValidator:
    """Return what reads nothing as something."""
    return BeforeValidator(lambda value: default if value is None else value)


AnyText = Annotated[str, Strict()]
Text = Annotated[str, Strict(), StringConstraints(min_length=1)]
WITHOUT_SLASHES = AfterValidator(lambda path: path.strip("/"))


def _within_mount(path: str, info: ValidationInfo) -> str:
    """Refuse what Vault's API puts before a path: every path was looked for below it again."""
    mount = str(part(info.context, "vault").get("mount") or "secret").strip("/")
    for api in ("data", "metadata"):
        if f"{path}/".startswith(f"{mount}/{api}/"):
            raise ValueError(
                f"expected the path as `vault kv get -mount={mount} PATH` takes it, without "
                f"`{mount}/{api}/`; found {shown(path)}"
            )
    return path


PathText = Annotated[Text, WITHOUT_SLASHES, AfterValidator(_within_mount)]
"""A path in Vault, whatever slashes stand at its ends."""
FolderText = Annotated[AnyText, WITHOUT_SLASHES, AfterValidator(_within_mount), or_else("")]
"""The same of a folder, which may be empty."""
Flag = Annotated[bool, Strict(), or_else(False)]
Whole = Annotated[int, Strict()]
Count = Annotated[int, Strict(), Field(ge=1)]
Texts = Annotated[tuple[Text, ...], AfterValidator(different), or_else(())]


def read(kind: type[Read], document: Any, file: str) -> Read:
    """Read a document.

    Args:
        kind: The dataclass that it has the shape of.
        document: What was parsed.
        file: The name of the file, for messages.

    Raises:
        ConfigError: There is a mistake in it.
        Problems: There are several.
    """
    try:
        whole = document if isinstance(document, dict) else {}
        found: Read = _adapter(kind).validate_python(document, context=whole)
        return found
    except ValidationError as error:
        errors = error.errors(include_url=False)
    # What stands at a key that is no text is not looked at.
    keys = [each["loc"][:-1] for each in errors if each["loc"][-1:] == ("[key]",)]
    bad = {key for key in keys if not isinstance(key[-1], str)}
    told = [
        mistake
        for each in errors
        if each["loc"][-1:] == ("[key]",) or not any(each["loc"][: len(key)] == key for key in bad)
        for mistake in _told(each, kind, file)
    ]
    raise told[0] if len(told) == 1 else Problems(told)


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def _told(error: Any, whole: type, file: str) -> Iterator[HooksError]:
    whole_path = error["loc"]
    path = tuple(step for step in whole_path if not _is_tag(step))
    what, value, context = error["type"], error["input"], error.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, Mistakes):
        for inner, sentence in cause.found:
            yield cause.error(f"{file}: {_joined((*path[:-1], *inner))}: {sentence}")
        return
    key, path = path[-1:] == ("[key]",), path[:-1] if path[-1:] == ("[key]",) else path
    if what == "invalid_key" or (key and what == "string_type"):
        path, what = path[:-1], "key"
    if what == "unexpected_keyword_argument":
        sentence = f"unknown key; known here: {', '.join(_known(whole, whole_path[:-1]))}"
    elif what == "value_error":
        sentence = str(cause)
    elif what == "string_pattern_mismatch":
        sentence = f"expected {WORDS[context['pattern']]}; found {shown(value)}"
    elif what == "literal_error":
        choice = context["expected"].replace("'", "").replace(" or ", ", ")
        of = shown(value) if isinstance(value, str) else kind_of(value)
        sentence = f"expected one of {choice}, found {of}"
    else:
        words = {**context, "value": shown(value), "kind": kind_of(value)}
        sentence = _SENTENCES[what].format(**words) if what in _SENTENCES else error["msg"]
    yield ConfigError(f"{file}: {_joined(path) or 'the file'}: {sentence}")


_SENTENCES = {
    "missing": "is missing",
    "key": "expected text as key, found {value}; put it in quotes",
    "dataclass_type": "expected a mapping, found {kind}",
    "dict_type": "expected a mapping, found {kind}",
    "tuple_type": "expected a list, found {kind}",
    "string_type": "expected text, found {kind}",
    "string_too_short": "expected text, found an empty one",
    "string_too_long": "expected at most {max_length} characters; found {value}",
    "int_type": "expected a whole number, found {kind}",
    "bool_type": "expected true or false, found {kind}",
    "greater_than_equal": "expected at least {ge}, found {value}",
    "less_than_equal": "expected at most {le}, found {value}",
}


def shown(value: Any) -> str:
    """Return a value that is no secret as it is shown: not more than so many characters of it."""
    if isinstance(value, str) and len(value) > _SHOWN:
        return f"{value[:_SHOWN]!r}..."
    return repr(value) if isinstance(value, str) else cut(repr(value))


def cut(text: str) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def kind_of(value: Any) -> str:
    """Return what kind of value it is: itself it is not told, as it may be a password."""
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false"}
    names |= {int: "a number", float: "a fraction", date: "a date", datetime: "a date"}
    return "nothing" if value is None else names.get(type(value), type(value).__name__)


def _joined(path: Sequence[str | int]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def _known(kind: Any, path: Sequence[str | int]) -> list[str]:
    """Return the keys that may stand at a place."""
    for step in path:
        kind = _inside(kind)
        if is_dataclass(kind):
            kind = _keys(kind)[str(step)]
        elif _is_tag(step):
            kind = next(each for each in get_args(kind) if Tag(str(step)) in each.__metadata__)
        else:
            kind = get_args(kind)[-1 if get_origin(kind) is dict else 0]
    return sorted(key for key in _keys(_inside(kind)) if not key.startswith(_HIDDEN))


def _keys(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {_key(each.name, hints[each.name]): hints[each.name] for each in fields(kind)}


def _key(name: str, kind: Any) -> str:
    given = [getattr(each, "alias", None) for each in getattr(kind, "__metadata__", ())]
    return next(filter(None, given), None) or to_camel(name)


def _inside(kind: Any) -> Any:
    """Return what is read, without what else is said of it."""
    if get_origin(kind) is Annotated:
        other = [each.kind for each in kind.__metadata__ if isinstance(each, ReadAs)]
        return _inside(other[0] if other else get_args(kind)[0])
    some = [each for each in get_args(kind) if each is not NoneType]
    return _inside(some[0]) if len(some) == 1 and len(get_args(kind)) == 2 else kind

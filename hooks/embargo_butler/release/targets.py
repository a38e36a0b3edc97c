"""The targets of make: the variables that each reads, and how a command is spelled as one.

make hands on what was typed as it is, in the environment: neither it nor a shell reads what is in
a variable. `python -m embargo_butler.cli.operator make TARGET` takes it from there.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embargo_butler.errors import HooksError
from embargo_butler.terminal import word


@dataclass(frozen=True)
class Target:
    """A target of make.

    Attributes:
        verb: The verb, and the word that comes after the environment, if one does.
        options: What the verb may be given: `--max=` takes a value, `--apply` is there or not.
        names: The variable that says what it is about; empty for none.
        several: Whether it may say several, which are then words as a shell has them.
        environment: The variable that names the environment; empty for none.
        shows: Whether it only shows changes, so that there are some (2) is no failure.
    """

    verb: str
    options: str = ""
    names: str = ""
    several: bool = False
    environment: str = "ENV"
    shows: bool = False

    def variables(self) -> dict[str, str]:
        """Return the option that each variable stands for."""
        return {
            option.strip("-=").upper().replace("-", "_"): option for option in self.options.split()
        }


TYPED = "EMBARGO_BUTLER_TYPED"
"""The variable in which make hands on the names of those that were typed after the target."""
EVERYWHERE = ("VALUES", "OUTPUT")
"""What every target reads."""
_PASSED_ON = (
    *("HELM", "KUBECONFIG", "VAULT_ADDR", "VAULT_TOKEN", "AWS_PROFILE", "NO_COLOR"),
    *("EMBARGO_BUTLER_CACHE", "PYTHON", "READY"),
)
"""What other programs read, or the Makefile itself."""

TARGETS = {
    "environments": Target("environments", environment=""),
    "status": Target("status", "--watch= --pipeline-only"),
    "trace": Target("trace", "--rows --no-butler --night=", "EXPOSURE"),
    "report": Target("report", "--night= --file="),
    "trigger": Target(
        "trigger",
        "--through= --wait= --force --unless-in-butler --shared-topic --dry-run",
        "EXPOSURE",
        several=True,
    ),
    "backfill": Target("backfill", "--since= --until= --max= --in-butler --apply", shows=True),
    "visits": Target("visits", "--since= --until= --apply", shows=True),
    "set-aside": Target("set-aside", "--list --return", "FILES", several=True),
    "pause": Target("pause", "--yes"),
    "resume": Target("resume"),
    "plan": Target("plan", shows=True),
    "diff": Target("diff", shows=True),
    "apply": Target("apply", "--yes --take-over"),
    "rollback": Target("rollback", "--revision= --yes --take-over"),
    "unlock": Target("unlock", "--yes"),
    "take-over": Target("take-over", "--yes --back"),
    "audit": Target("audit"),
    "buckets": Target("buckets plan", shows=True),
    "buckets-apply": Target("buckets apply"),
    "renew": Target("buckets renew", "", "TOPIC", several=True),
    "withdraw": Target("buckets withdraw", "--apply", shows=True),
    "import": Target("import", "--confirm --yes"),
    "config": Target("config"),
    "vault-policy": Target("vault-policy"),
    "pin": Target("pin"),
    "promote": Target("promote", "--from=", environment="TO"),
}


def make(environment: str, *words: str) -> str:
    """Spell a verb and its words as a target of make, to be pasted into a shell.

    Args:
        environment: The environment.
        words: The verb, what it is about, and its options, each value a word of its own. What
            comes after `--` is never taken for an option.
    """
    name, target = _target(words)
    known = {option.rstrip("="): (key, option) for key, option in target.variables().items()}
    flags: list[tuple[str, str]] = []
    names: list[str] = []
    rest = iter(words[len(target.verb.split()) :])
    for each in rest:
        if each == "--":
            names += rest
        elif each in known:
            key, option = known[each]
            flags.append((key, next(rest) if option.endswith("=") else "1"))
        else:
            names.append(each)
    about = [(target.names, _words(names) if target.several else names[0])] if names else []
    given = [(target.environment, environment), *about, *flags]
    # What stands after a target loses the blanks that it begins with.
    ahead = [f"{key}={word(value)} " for key, value in given if value[:1].isspace()]
    after = [f" {key}={word(value)}" for key, value in given if not value[:1].isspace()]
    return f"{''.join(ahead)}make {name}{''.join(after)}"


def read(name: str, variables: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return what a target asks for, as the arguments of the command line.

    Args:
        name: The target.
        variables: The environment of the process.

    Returns:
        The verb with its options, and what it is about.

    Raises:
        HooksError: A variable cannot be understood, or was typed and is none of the target's.
    """
    target = TARGETS[name]
    _refuse_unknown(name, target, variables.get(TYPED, "").split())
    verb, *second = target.verb.split()
    environment = [variables.get(target.environment, "")] if target.environment else []
    options = [f"--values={file}" for file in _split("VALUES", variables)]
    if output := variables.get("OUTPUT"):
        options.append(f"--output={output}")
    for key, option in target.variables().items():
        given = variables.get(key, "")
        if given and option.endswith("="):
            options.append(f"{option}{given}")
        elif given == "1":
            options.append(option)
        elif given:
            raise HooksError(f"{key}={word(given)}: {key}=1 says yes, no {key} at all says no")
    about = variables.get(target.names, "")
    names = _split(target.names, variables) if target.several else [about] if about else []
    return [verb, *environment, *second, *options], names


def _refuse_unknown(name: str, target: Target, typed: Sequence[str]) -> None:
    """Refuse what would silently be left out: `DRYRUN=1` is no dry run."""
    own = (target.environment, target.names, *target.variables(), *EVERYWHERE)
    known = [each for each in own if each]
    for each in typed:
        if each not in known and each not in _PASSED_ON:
            near = difflib.get_close_matches(each.upper(), known, 1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise HooksError(
                f"make {name} does not know {word(each)}: {meant}it reads {', '.join(known)}; "
                "nothing was done"
            )


def _target(words: Sequence[str]) -> tuple[str, Target]:
    fitting = (
        (name, target)
        for name, target in TARGETS.items()
        if target.verb.split() == list(words[: len(target.verb.split())])
    )
    return next(fitting)


def _words(names: Sequence[str]) -> str:
    return " ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    # No more than `_split` needs, for this is quoted once more, for the shell.
    plain = name and not any(each.isspace() or each in "'\"\\" for each in name)
    return name if plain else shlex.quote(name)


def _split(key: str, variables: Mapping[str, str]) -> list[str]:
    try:
        return shlex.split(variables.get(key, ""))
    except ValueError as error:
        raise HooksError(f"{key}={word(variables[key])}: {str(error).lower()}") from None

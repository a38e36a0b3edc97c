"""Changes of an environment's images: pinned to what their tags mean now, or those of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from embargo_butler.errors import ConfigError
from embargo_butler.release import targets
from embargo_butler.release.environments import Environment
from embargo_butler.release.image_tags import Image, ImageTags


@dataclass(frozen=True)
class Change:
    """Another image of a component."""

    component: str
    before: Image
    after: Image

    def __str__(self) -> str:
        """Return it as a line for the operator."""
        return f"{self.component}: {_short(self.before)} -> {_short(self.after)}"

    def document(self) -> dict[str, str]:
        """Return it for programs."""
        both = {"before": str(self.before), "after": str(self.after)}
        return {"component": self.component, **both}


def pinned(tags: ImageTags, digest: Callable[[Image], str]) -> list[Change]:
    """Return what gives every image the digest that its tag means now.

    Args:
        tags: The environment's images.
        digest: Asks the registry.

    Raises:
        HooksError: A registry did not tell; nothing was changed.
    """
    images = {name: image for name, image in tags.images().items() if image.tag}
    wanted = {name: replace(image, digest=digest(image)) for name, image in images.items()}
    return _changes(images, wanted)


def promoted(source: ImageTags, target: ImageTags) -> list[Change]:
    """Return what gives the target the source's images, for the components that both have.

    Raises:
        ConfigError: They take a component from different repositories.
    """
    theirs, ours = source.images(), target.images()
    for name in theirs.keys() & ours.keys():
        if theirs[name].repository != ours[name].repository:
            raise ConfigError(
                f"{target.path}: {name} is {ours[name].repository}, but {source.path} has "
                f"{theirs[name].repository}: its tag means something else there"
            )
    return _changes(
        ours,
        {
            name: replace(theirs[name], registry=ours[name].registry)
            for name in ours
            if name in theirs
        },
    )


def refuse_moving(changes: list[Change], environment: Environment, source: str) -> None:
    """Keep tags that move away from production, as the chart does.

    Args:
        changes: The images that change.
        environment: Where.
        source: The environment whose images they are.

    Raises:
        ConfigError: A changed image has neither a version nor a digest.
    """
    moving = [f"{each.component} {each.after.tag}" for each in changes if each.after.moves]
    if moving and environment.production:
        raise ConfigError(
            f"{', '.join(moving)}: no version, may mean another image tomorrow, and "
            f"{environment.name} is production; pin the other environment first: "
            f"`{targets.make(source, 'pin')}`"
        )


def make(tags: ImageTags, changes: list[Change]) -> None:
    """Write the changes into the environment's values file."""
    for change in changes:
        tags.put(change.component, change.after)
    tags.save()


def _changes(before: dict[str, Image], after: dict[str, Image]) -> list[Change]:
    return [
        Change(name, before[name], image) for name, image in after.items() if before[name] != image
    ]


def _short(image: Image) -> str:
    digest = f"@{image.digest[:19]}" if image.digest else ""
    return f"{image.tag}{digest}"

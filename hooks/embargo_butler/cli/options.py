"""The options and arguments that several verbs take, each declared once."""

from __future__ import annotations

from pathlib import Path

import click

OUTPUT = click.Option(
    ["--output"],
    type=click.Choice(["text", "json"]),
    default="text",
    help="For people, the default, or for programs.",
)
CONFIG = click.Option(
    ["--config"],
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What the ConfigMap of the release holds.",
)
CONFIG_HASH = click.Option(
    ["--config-hash"],
    default="",
    metavar="ENVIRONMENT/NAMESPACE/CONFIGMAP:SHA256",
    help="Refuse a FILE that is not what the release has put into that ConfigMap.",
)
ROLLBACK = click.Option(
    ["--rollback"],
    is_flag=True,
    help="A problem found before the first write is a warning, and the exit code 0.",
)
DRY_RUN = click.Option(
    ["--dry-run"], is_flag=True, help="Only show what would be done; nothing is written."
)
EXPOSURE = click.Argument(["exposure"], required=False, metavar="[EXPOSURE|KEY]")
TOPICS = click.Argument(["topic"], nargs=-1, required=True, metavar="TOPIC...")
SINCE = click.Option(
    ["--since"],
    default="24h",
    metavar="TIME",
    help="2h, 3d or 2026-06-03T22:00:00Z; by default 24h.",
)
UNTIL = click.Option(["--until"], default="", metavar="TIME", help="By default just now.")
APPLY = click.Option(["--apply"], is_flag=True, help="Do it; by default it is only shown.")

"""`python -m tests.rig packages|helms|up|demo|expose|down`: the real site on this machine."""

from __future__ import annotations

import argparse
import sys

from tests.rig import binaries, lifecycle, packages
from tests.rig.errors import RigError
from tests.rig.progress import Display
from tests.rig.release import SUMMIT


def main() -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.rig", description=__doc__)
    parser.add_argument("command", choices=("packages", "helms", "up", "demo", "expose", "down"))
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="keep a site that was brought up by another state of the rig's sources",
    )
    arguments = parser.parse_args()
    with Display() as display:
        try:
            if arguments.command == "packages":
                with display.step("Debian packages") as say:
                    packages.up(say)
                return 0
            if arguments.command == "helms":
                for version in binaries.HELMS:
                    with display.step(f"build Helm {version}") as say:
                        binaries.helm(version, say)
                return 0
            if arguments.command == "down":
                lifecycle.down(display)
                display.line("nothing of the site is left but its cache")
                return 0
            if arguments.command == "expose":
                from tests.rig import demo  # what it imports takes seconds

                return demo.expose(display)
            loaded = lifecycle.up(
                display,
                SUMMIT.images(),
                as_is=arguments.as_is,
                for_tests=arguments.command == "up",
            )
            if arguments.command == "demo":
                with display.step("deploy the chart") as say:
                    SUMMIT.restart_outdated(loaded)
                    SUMMIT.deploy(say)
                from tests.rig import demo

                return demo.run(display)
        except RigError as error:
            display.failure(error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

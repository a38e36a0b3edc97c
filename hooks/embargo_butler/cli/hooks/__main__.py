"""`python -m embargo_butler.cli.hooks`."""

import sys

from embargo_butler.cli.hooks.command import main

sys.exit(main())

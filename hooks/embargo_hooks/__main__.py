"""`python -m embargo_hooks`."""

import sys

from embargo_hooks.cli import main

sys.exit(main())

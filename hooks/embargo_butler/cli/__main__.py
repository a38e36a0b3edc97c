"""`python -m embargo_butler.cli`."""

import sys

from embargo_butler.cli.command import main

sys.exit(main())

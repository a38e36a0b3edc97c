"""`python -m embargo_butler.cli.operator`."""

import sys

from embargo_butler.cli.operator.command import main

sys.exit(main())

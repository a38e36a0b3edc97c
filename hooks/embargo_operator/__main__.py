"""`python -m embargo_operator`."""

import sys

from embargo_operator.cli import main

sys.exit(main())

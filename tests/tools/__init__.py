"""Tools of the checks: their Go modules, and what they are fed with."""

"""The command line's verbs, a module for each area."""

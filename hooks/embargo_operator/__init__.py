"""The operators' verbs over a release, from their own machine: they drive helm and kubectl."""

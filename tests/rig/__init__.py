"""The real site on one machine: cluster, object store, Vault, PostgreSQL, images.

`python -m tests.rig up` brings it up or repairs it, `down` takes it away without a trace.
"""

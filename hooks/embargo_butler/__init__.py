"""The jobs and the command line that keep an environment's secrets and buckets as declared."""

__version__ = "0.1.0"

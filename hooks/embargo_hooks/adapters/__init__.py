"""The real outside world, one module for each server and its client library."""

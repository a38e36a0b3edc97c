"""Tests of single modules, without the site."""

"""Typed schemas of every setting, with its limits; the YAML files under conf/ hold the values."""

"""Sorting, as the metrics sort."""

from kit.metrics._order import ascending, by_integer, run_starts

__all__ = ["ascending", "by_integer", "run_starts"]

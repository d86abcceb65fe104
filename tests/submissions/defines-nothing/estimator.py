"""Forgets get_estimator()."""

x = 1

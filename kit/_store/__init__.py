"""The parts of ``kit.store``; use them through it."""

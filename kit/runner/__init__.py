"""Code submissions on folds: the sandbox, the harness within it, and the problem they are run on."""

# Everything runs in .venv; each target sets up what it needs. `make demo` first, `make test` before a commit.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check unit docs soak clean

demo: .venv/installed
	$(BIN)/kit demo

test: check unit

check: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A test that fails beside a busy neighbour may try once more, and the last lines name it with what it met;
# four in all, and none of those that hold what must never break.
AGAIN := --reruns 1 --reruns-delay 2 --max-suite-reruns 4 --rerun-show-tracebacks \
	$(foreach name,crash hub_apart leaks shown store,--rerun-exclude-path tests/test_$(name).py)

unit: .venv/installed-test
	.ci/system-packages chromium bubblewrap fonts-dejavu-core faketime nginx-light
	.ci/hub-proxy
	$(BIN)/python -m pytest --doctest-modules -n 2 --dist worksteal $(AGAIN)

soak: .venv/installed-test
	KIT_SOAK=5 $(BIN)/python -m pytest tests/test_crash.py

docs: .venv/installed-test
	$(BIN)/python docs/generate.py

.venv/bin/python:
	.ci/make-venv $(PYTHON)

.venv/installed: pyproject.toml | .venv/bin/python
	.ci/again "pip install" $(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/installed-test: pyproject.toml data/requirements.txt .venv/installed
	.ci/again "pip install" $(BIN)/python -m pip install --quiet --editable '.[test]'
	.ci/again "pip install" $(BIN)/python -m pip install --quiet --no-deps --requirement data/requirements.txt
	@touch $@

clean:
	rm -rf .venv kit-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis test-output

# `make demo` and `make test` need nothing before them but python3 and make.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder
.PHONY: demo ui test coverage lint docs clean

demo: .venv/runtime
	$(BIN)/uploadwatch demo

ui: .venv/runtime
	$(BIN)/uploadwatch ui

test: .venv/development
	$(PYTEST)

coverage: .venv/development
	$(PYTEST) --cov --cov-report=term:skip-covered

lint: .venv/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy assets bench cli common connectors console detection dossier exports history lake notify orchestration privacy providers sandbox tests uploadwatch
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 detection/sql

# Nothing is loaded from another host; the notice about a future version of MkDocs is switched off.
docs: .venv/development
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.venv/runtime: requirements.lock requirements-build.lock pyproject.toml
	sh .ci/venv $(PYTHON) requirements.lock
	touch $@

.venv/development: requirements-dev.lock requirements-build.lock pyproject.toml
	sh .ci/venv $(PYTHON) requirements-dev.lock
	touch $@ .venv/runtime

clean:
	rm -rf .venv .uploadwatch site .coverage*

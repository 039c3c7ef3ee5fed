# Everything runs in .venv, made by uv (installed for you when it is missing).
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --no-sync
# Half of the time is theirs, much of it spent waiting for Ray and Prefect; all others run beside them.
STARTING := tests/flows tests/infra
MINIS := face identity captioner sam2 headfit whisper syncnet clip vae
export UV_COMPILE_BYTECODE = 1
export UV_PROJECT_ENVIRONMENT = .venv
export RAY_ENABLE_UV_RUN_RUNTIME_ENV = 0
unexport PYTHONDONTWRITEBYTECODE VIRTUAL_ENV

.PHONY: demo test check bench bench-gpu chaos mini clean

demo: .venv/ready ## install, then one whole rebuild on little videos of its own
	@$(RUN) redub demo

test: .venv/dev ## install, then all tests (minutes; `make chaos` is longer)
	@$(RUN) pytest $(STARTING:%=--ignore=%) >.venv/others.log 2>&1 & others=$$!; \
	$(RUN) pytest $(STARTING); failed=$$?; wait $$others || failed=1; cat .venv/others.log; exit $$failed

check: .venv/dev ## format, lint, types, import rules
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) lint-imports

bench: .venv/bench ## ratios against the peers, measured in one run
	@$(RUN) python -m tests.perf

bench-gpu: .venv/dev ## training step and dub on a GPU, beside plain code; skips without one
	@$(RUN) python -m tests.perf.gpu

chaos: .venv/dev ## kill workers, drivers and Ray at random moments, many times
	@$(RUN) pytest -m chaos --timeout 3600

mini: .venv/dev ## train the mini models anew, then measure them; hours on one core
	@for model in $(MINIS); do $(RUN) python -m models.mini.$$model || exit 1; done
	@$(RUN) redub models report

clean: ## remove the environment and everything the demo wrote
	rm -rf .venv redub-data

$(UV):
	@python3 -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv

.venv/ready: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --frozen --no-default-groups
	@touch $@

.venv/dev: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --frozen
	@touch $@ .venv/ready

.venv/bench: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --frozen --all-groups
	@touch $@ .venv/dev .venv/ready

# Everything runs in .venv, made by uv (installed for you when it is missing).
SHELL := bash
.SHELLFLAGS := -o pipefail -c
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --no-sync
# Each of these spends much of its time waiting for Ray and Prefect to start; all others run beside them.
WAITING := tests/flows tests/infra tests/chaos
# Of these, what infra's lane has time for; the last ones start neither Ray nor Prefect.
BESIDE := tests/flows/reproduce tests/flows/dubbing tests/flows/training \
  $(addprefix tests/flows/test_,$(addsuffix .py,bootstrap democorpus footage forget given_pairs incremental \
  moved_sources pairs runs try versions))
MINIS := face identity captioner sam2 headfit whisper syncnet clip vae
SIZE := about 3.5 GB to download and 7 GB on disk, nearly all of it PyTorch and its CUDA libraries
export UV_COMPILE_BYTECODE = 1
export UV_PROJECT_ENVIRONMENT = .venv
export RAY_ENABLE_UV_RUN_RUNTIME_ENV = 0
unexport PYTHONDONTWRITEBYTECODE VIRTUAL_ENV

.PHONY: install demo test check bench bench-gpu chaos mini mini-generator mini-editor clean

install: .venv/ready ## the command `redub`, in .venv

demo: .venv/ready ## install, then one whole rebuild on little videos of its own
	@$(RUN) redub demo

# Four lanes share the cores: threads of their own would only get in each other's way. Ray's workers are polite to
# what else runs here; beside four lanes they would hardly get a turn.
test: export OMP_NUM_THREADS = 1
test: export RAY_worker_niceness = 0
# A crash says where it was, and what failed is repeated at the end.
test: export PYTHONFAULTHANDLER = 1
test: .venv/dev ## install, then all tests (minutes; `make chaos` is longer)
	@lane() { $(RUN) pytest "$${@:2}" >.venv/$$1.log 2>&1 || echo "$$1 $$?" >>.venv/failed; }; rm -f .venv/failed; \
	lane others $(WAITING:%=--ignore=%) --ignore=tests/tasks & \
	lane tasks tests/tasks & \
	lane infra tests/infra tests/chaos $(BESIDE) & \
	$(RUN) pytest tests/flows $(BESIDE:%=--ignore=%) |& tee .venv/flows.log || echo "flows $$?" >>.venv/failed; \
	wait; cat .venv/{infra,tasks,others}.log; [ ! -e .venv/failed ] || { while read -r lane status; do \
	echo "The lane $$lane ended with $$status, and .venv/$$lane.log with:"; tail -n 25 .venv/$$lane.log; \
	done <.venv/failed; exit 1; }

check: .venv/dev ## format, lint, types, import rules
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@$(RUN) lint-imports

bench: .venv/bench ## ratios against the peers, measured in one run
	@$(RUN) python -m tests.perf

bench-gpu: .venv/dev ## training step and dub on a GPU, beside plain code; skips without one
	@$(RUN) python -m tests.perf.gpu

chaos: .venv/dev ## kill workers, drivers, nodes and Ray, many times at random moments
	@$(RUN) pytest -m chaos --timeout 3600

mini: .venv/dev ## train the mini models anew, then measure them; hours on one core
	@for model in $(MINIS); do $(RUN) python -m models.mini.$$model || exit 1; done
	@$(RUN) redub models report

# Each training begins with what the one before has learnt: first whole faces, in windows round the mouth and in whole
# pictures of ever more people; then masks that begin at the nose, in whole pictures, round the mouth, and whole again.
TRAIN = $(RUN) redub train generator -c redub-data/mini-generator
mini-generator: .venv/dev ## train the mini generator anew and ship it; some hours on one core
	@$(TRAIN) --name mouths --on world:people=400,whole --set steps=1200 --set crop=8 --set alpha=6 --set seed=1
	@$(TRAIN) --name faces --on world:people=750,whole --set steps=900 --set seed=2 --set optimizer.warmup=30 \
	  --set init=run:mouths
	@$(TRAIN) --name people --on world:people=1600,whole --set steps=1500 --set alpha=10 --set seed=3 \
	  --set optimizer.warmup=30 --set optimizer.decay=0.5 --set init=run:faces
	@$(TRAIN) --name lower --on world:people=600 --set steps=1000 --set seed=4 --set optimizer.warmup=30 \
	  --set optimizer.decay=0.5 --set init=run:people
	@$(TRAIN) --name lips --on world:people=600 --set steps=2500 --set crop=10 --set seed=5 \
	  --set optimizer.warmup=30 --set optimizer.decay=0.5 --set init=run:lower
	@$(TRAIN) --name all --on world:people=600 --set steps=900 --set seed=6 --set optimizer.warmup=30 \
	  --set optimizer.decay=0.6 --set init=run:lips
	@$(RUN) python -m models.mini.generator \
	  redub-data/mini-generator/trainings/all/step-00000900/weights.safetensors

# From the generator: first windows round the mouth, then whole pictures; then the lip expert, over what that has come to.
EDIT = $(RUN) redub train
FEW = -c redub-data/mini-editor --on world:people=300
INTO = -c redub-data/mini-editor --on world:people=600
EDITOR = redub-data/mini-editor/trainings
mini-editor: .venv/dev ## train the mini editor and its lip expert anew and ship them; some hours on one core
	@$(EDIT) structure $(FEW) --name mouths --set steps=1300 --set crop=10 \
	  --set seed=1 --set optimizer.warmup=30 --set optimizer.decay=0.4 --set init=mini:generator
	@$(EDIT) structure $(INTO) --name faces --set steps=1100 --set seed=2 --set optimizer.warmup=30 \
	  --set optimizer.decay=0.5 --set init=run:mouths
	@$(EDIT) structure $(INTO) --name all --set steps=1300 --set seed=3 --set optimizer.warmup=30 \
	  --set optimizer.decay=0.6 --set init=run:faces
	@$(EDIT) structure $(FEW) --name low --set steps=600 --set seed=4 --set alpha=2 --set optimizer.rate=1e-3 \
	  --set optimizer.matrix_rate=2e-3 --set optimizer.warmup=30 --set optimizer.decay=0.6 --set init=run:all
	@$(EDIT) lip $(FEW) --name lip --set steps=160 --set seed=4 --set save_every=40 --set init=run:low
	@$(RUN) python -m models.mini.editor $(EDITOR)/low/step-00000600/weights.safetensors \
	  --lip $(EDITOR)/lip/step-00000160/weights.safetensors

clean: ## remove the environment and everything the demo wrote
	rm -rf .venv redub-data

# uv says what it downloads, in bars on a terminal and in lines elsewhere; there its list of packages is left out.
$(UV):
	@echo "Fetching uv, which installs the rest ..."
	@python3 -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv

.venv/ready: pyproject.toml uv.lock | $(UV)
	$(call install,--no-default-groups)
	@touch $@

.venv/dev: pyproject.toml uv.lock | $(UV)
	$(call install,)
	@touch $@ .venv/ready

.venv/bench: pyproject.toml uv.lock | $(UV)
	$(call install,--all-groups)
	@touch $@ .venv/dev .venv/ready

define install
	@test -d .venv || echo "Installing into .venv: $(SIZE), once."
	@if [ -t 2 ]; then $(UV) sync --frozen $(1); else $(UV) sync --frozen $(1) 2>&1 | sed '/^ [-+~] /d'; fi
endef

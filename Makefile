# `make` lists the targets. Each one sets up what it needs, so every one works on a fresh machine.
# Another interpreter: `make PYTHON=python3.12`. More arguments for the program behind a target: `make test ARGS="-k guards"`.

PYTHON  ?= python3
SECONDS ?=
MINUTES ?= 10
HOURS   ?= 0.5
SHOWS   ?= 2000
INPUTS  ?= 1000000
ONLY    ?=
KILLS   ?= 200
CUTS    ?= 50
ARGS    ?=

VENV    := .venv
BIN     := $(VENV)/bin
# By package name only, so that whichever mirror the machine uses serves them.
PEERS   := dbus systemd jackd2 fluidsynth timgm6mb-soundfont supercollider-server puredata-core liblo-tools chromium
# Debian's npm and the one in Node's own packages exclude each other: whichever is there stays.
PEERS   += $(if $(shell command -v npm),,npm)
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run-sim run-live generate-data train-rps train-mapper evaluate gates test check golden-update bench soak fuzz crashes simulate peers docker clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.dev ## create .venv with everything, for playing and for developing

# `exec` leaves no shell between Ctrl-C and the program, which eases out and ends; make then ends without complaint.
run-sim: $(VENV)/.runtime ## play a built-in dancer, no hardware needed; SECONDS=15 ends by itself, else Ctrl-C
	@exec $(BIN)/choreo demo $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

run-live: $(VENV)/.runtime ## play with the sensors and synths of your configuration
	@exec $(BIN)/choreo run $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

generate-data: $(VENV)/.dev ## make five synthetic takes of three minutes in recordings/m0, always the same
	$(BIN)/choreo-lab generate --sessions 5 --minutes 3 --out recordings/m0 --seed 0 $(ARGS)

train-rps: $(VENV)/.dev recordings/m0 ## train M1 on the takes of generate-data, into runs/mine; again: ARGS=--replace
	$(BIN)/choreo-lab train rps recordings/m0 --out runs/mine $(ARGS)

train-mapper: $(VENV)/.dev recordings/m0 runs/mine/rps.json ## train M3 on the latents of that M1; then play both: make run-sim ARGS="-o engine.checkpoints=runs/mine"
	$(BIN)/choreo-lab train mapper recordings/m0 --out runs/mine $(ARGS)

evaluate: $(VENV)/.dev ## play takes nobody trained on through the models: figures, numbers, what a silent sensor costs
	$(BIN)/choreo-lab evaluate $(ARGS)

gates: $(VENV)/.dev ## train M1-M3 anew with three seeds and print every gate beside its baseline; a quarter of an hour
	$(BIN)/choreo-lab gates $(ARGS)

test: $(VENV)/.dev ## run the tests; those that need an absent program skip and say which
	$(BIN)/pytest $(ARGS)

check: $(VENV)/.dev ## formatting, lint, strict types, layer contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

golden-update: $(VENV)/.dev ## decide anew what the golden takes sound like, and say what has changed
	OPENBLAS_CORETYPE=Haswell CHOREO_GOLDEN_UPDATE=1 $(BIN)/pytest -q -s -p no:randomly tests/golden/test_golden.py $(ARGS)

bench: $(VENV)/.dev ## measure latency and cadence on this machine
	$(BIN)/python -m bench $(ARGS)

soak: $(VENV)/.dev ## endurance in virtual time and a newcomer's walk, then faults in real time, written into docs/reliability.md; HOURS=0.5, MINUTES=10, ONLY=tests, ONLY=stalled
	$(if $(filter-out tests,$(ONLY)),,CHOREO_SOAK_MINUTES=$(MINUTES) CHOREO_SIM_HOURS=$(HOURS) CHOREO_WALK_SECONDS=30 $(BIN)/pytest -o faulthandler_timeout=0 tests/soak tests/peers/pages/test_newcomer.py $(ARGS))
	$(if $(filter tests,$(ONLY)),,PYTHONPATH=tests $(BIN)/python -m bench.soak --minutes $(MINUTES) $(if $(ONLY),--only $(ONLY) $(ARGS)))

fuzz: $(VENV)/.dev ## INPUTS=1000000 mutated inputs for each reader of bytes from outside, a hundredth for takes' headers, each of which every reader gets; hours
	PYTHONPATH=tests $(BIN)/python -m faults.osc_fuzz --seconds 600
	for target in heart yaml session websocket; do PYTHONPATH=tests $(BIN)/python -m faults.fuzz $$target --inputs $(INPUTS) || exit 1; done
	PYTHONPATH=tests $(BIN)/python -m faults.fuzz header --inputs $$(($(INPUTS) / 100))

crashes: $(VENV)/.dev ## KILLS=200 times kill -9 and CUTS=50 power cuts of a recording, each recovered and replayed; the cuts need root
	CHOREO_CUT_STEP=1 CHOREO_KILLS=$(KILLS) CHOREO_CUTS=$(CUTS) $(BIN)/pytest -s tests/unit/test_recorder_segments.py \
	  tests/faults/test_recorder_kill.py tests/faults/test_recorder_mounts.py $(ARGS)

simulate: $(VENV)/.dev ## SHOWS=2000 whole shows in virtual time, each with its own faults; a failing seed is printed
	CHOREO_SHOWS=$(SHOWS) $(BIN)/pytest tests/simulation $(ARGS)

peers: ## install the real programs the peer tests play with: D-Bus, systemd, JACK, synths, Chromium and npm for Strudel (Debian, Ubuntu)
	@command -v apt-get >/dev/null || { echo "no apt-get here; install by hand: $(PEERS)" >&2; exit 1; }
	$(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(PEERS)

docker: ## build the container image choreo-service
	docker build --tag choreo-service .

clean: ## remove .venv, builds and caches; takes stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11 or newer, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$$($(PYTHON) --version) is too old: choreo needs 3.11 or newer, try make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) can't create environments: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

recordings/m0:
	$(MAKE) generate-data ARGS=

runs/mine/rps.json: | $(VENV)/.dev recordings/m0
	$(BIN)/choreo-lab train rps recordings/m0 --out runs/mine

$(VENV)/.runtime: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@

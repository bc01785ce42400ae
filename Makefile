# Everything here sets itself up: `make demo` and `make test` work on a fresh checkout.
# SMILEDET_DATA points at the photographs and clips of development, where there are any.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DATA   ?= $(abspath $(wildcard ../shared/data))
export SMILEDET_DATA ?= $(DATA)

# Training needs Python 3.11 or newer; the lock leaves Keras and TensorFlow out below that.
RUN_SETUP := $(VENV)/.run
BUILD_SETUP := $(VENV)/.build
DEV_SETUP := $(VENV)/.dev

JOBS   ?= 2

# What depends on the versions of OpenCV, PyAV, Pillow, NumPy, LiteRT, dlib and Python: pictures in, faces, labels,
# pictures and rows out. About a minute.
QUICK  := $(addprefix tests/,alignment detection/test_detectors.py detection/test_mtcnn.py engines/test_litert.py \
	sinks/test_events.py sinks/test_sheet.py sinks/test_video.py sources/test_capture.py sources/test_decoder.py \
	sources/test_images.py sources/test_video.py test_reader.py test_same_pictures.py)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-ray test-oldest test-newest test-extras test-camera test-arm64 test-wheel test-browser \
	test-live docs fuzz lint soak soak-short mutants models bench train export lock wheel wheels clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | column -t -s '|'

setup: $(DEV_SETUP)  ## the virtual environment with everything for development

demo: $(RUN_SETUP)  ## the camera, or the built-in demo where there is none
	$(BIN)/smiledet run --unwatched demo-output --stats

# TESTS: files or pytest's further arguments; JOBS: processes, of which each takes up to 2 GB.
test: $(DEV_SETUP)  ## the whole suite, but for what takes minutes
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(TESTS)

test-slow: $(DEV_SETUP)  ## trainings, conversions of large networks and interrupted runs, which `make test` leaves out
	$(BIN)/python -m pytest -m slow --numprocesses $(JOBS) --dist loadfile $(or $(TESTS),tests/cli tests/engines tests/lab tests/scripts)

# moto's S3 server has packages of its own: it takes an older python-dateutil than the lock has.
test-ray: $(DEV_SETUP)  ## photographs on a Ray cluster of two nodes, one killed, and from an S3 server; takes minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[ray]'
	test -x build/moto/bin/moto_server || ($(PYTHON) -m venv build/moto && \
		build/moto/bin/python -m pip install --quiet --disable-pip-version-check 'moto[server]>=5,<6')
	SMILEDET_MOTO=$(abspath build/moto/bin/moto_server) $(BIN)/python -m pytest -m slow tests/photographs/test_ray.py

test-oldest: $(BUILD_SETUP)  ## quick tests with the oldest Python and packages that are allowed
	scripts/test_versions.sh oldest $(QUICK)

test-newest: $(BUILD_SETUP)  ## quick tests with the newest Python and packages that are allowed
	scripts/test_versions.sh newest $(QUICK)

test-extras: $(DEV_SETUP)  ## tests with what is not installed with the rest: mmod, old TensorFlow, NVIDIA's libraries
	scripts/test_extras.sh $(TESTS)

test-camera: $(DEV_SETUP)  ## a camera that is unplugged, busy, silent or black: Linux' vivid, in QEMU; takes minutes
	$(BIN)/python scripts/camera_machine.py $(TESTS)

test-arm64: $(DEV_SETUP)  ## the wheel for aarch64 under QEMU: the same answers as here; takes minutes
	scripts/test_arm64.sh

test-wheel: $(DEV_SETUP)  ## the examples of README and docs, from a wheel in an empty environment
	$(BIN)/python -m pytest -m slow $(or $(TESTS),tests/wheel)

test-browser: $(DEV_SETUP)  ## the pages, clicked through in a real Chromium
	$(BIN)/python -m pytest -m slow $(or $(TESTS),tests/browser)

# WATCHED: seconds; PICTURES: a folder for the screenshots.
test-live: $(DEV_SETUP)  ## four sources for ten minutes with every rule, watched in a real Chromium
	SMILEDET_WATCHED=$(or $(WATCHED),600) $(if $(PICTURES),SMILEDET_PICTURES=$(PICTURES)) \
		$(BIN)/python -m pytest -m slow tests/browser/test_watched_run.py

# SOAK: further arguments (--minutes N, --seed N, --write PAGE).
soak: $(DEV_SETUP)  ## four cameras for two hours, while cameras, process and store break as a seed says
	$(BIN)/python scripts/soak.py $(SOAK)

soak-short: $(DEV_SETUP)  ## the same for five minutes
	$(BIN)/python scripts/soak.py --minutes 5 --seed 2 $(SOAK)

lint: $(DEV_SETUP)  ## ruff, mypy, and known holes in dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/audit.py

# FUZZ: damaged inputs drawn for each test, other ones each time.
FUZZ ?= 1000
fuzz: $(DEV_SETUP)  ## damaged photographs, clips, settings, models, data sets and requests (an hour)
	SMILEDET_FUZZ=$(FUZZ) $(BIN)/python -m pytest -m 'slow or not slow' \
		$(or $(TESTS),tests/fuzz tests/lab/datasets/test_damaged.py tests/web/test_openapi.py)

docs: $(DEV_SETUP)  ## the documentation as a site in build/site; a dead link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file docs/site/mkdocs.yml

models:  ## every order of the steps of the buffer's protocol and of a run's end, by Spin (a minute); skips where it is not installed
	scripts/check_models.sh

# MUTANTS: further arguments (--module NAME, --sample N, --seed N).
mutants: $(DEV_SETUP)  ## bugs put in one at a time, of which the tests have to notice nine in ten (an hour)
	$(BIN)/python scripts/mutants.py --known
	$(BIN)/python scripts/mutants.py $(MUTANTS)

# OUTPUT: a folder that keeps the figures as JSON (docs/benchmarks); PLOTS: one for the plots; BENCH: further arguments.
bench: $(DEV_SETUP)  ## FPS per model and of the whole pipeline
	$(BIN)/python scripts/benchmark.py $(if $(OUTPUT),--output $(OUTPUT)) $(if $(PLOTS),--plots $(PLOTS)) $(BENCH)

train: $(DEV_SETUP)  ## every shipped model anew (hours); needs the data
	$(BIN)/python scripts/train_all.py

export: $(DEV_SETUP)  ## every exported file that ships, compared with Keras
	$(BIN)/python scripts/export_all.py $(if $(SMILEDET_DATA),--data-folder $(SMILEDET_DATA))

lock: $(BUILD_SETUP)  ## resolve the exact versions anew
	$(BIN)/uv pip compile --universal --python-version 3.10 --all-extras --no-annotate --no-header --quiet \
		pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.10 --extra web --extra mqtt --extra onnx --generate-hashes \
		--no-annotate --no-header --quiet --constraint requirements.lock pyproject.toml --output-file requirements-run.lock

wheel: $(BUILD_SETUP)  ## dist/smiledet-*.whl, and what it depends on (dist/smiledet.cdx.json, CycloneDX)
	$(BIN)/python -m build --wheel --no-isolation
	$(BIN)/python -W ignore -m cyclonedx_py requirements requirements-run.lock --pyproject pyproject.toml \
		--output-reproducible --output-format JSON --output-file dist/smiledet.cdx.json

wheels: $(RUN_SETUP) $(BUILD_SETUP)  ## every base dependency has a wheel on every platform
	$(BIN)/python scripts/check_wheels.py

clean:  ## what was built; keeps runs/ and the models
	rm -rf $(VENV) build dist demo-output .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock is a file of constraints: exact versions for every extra, of which each target installs what it needs. It has
# no hashes: with them pip refuses to install this checkout, which has none. requirements-run.lock has, for a machine
# that runs: `pip install --require-hashes --requirement requirements-run.lock`, then the wheel with `--no-deps`.
$(RUN_SETUP): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable .
	touch $@

# What builds and locks, without what it builds.
$(BUILD_SETUP): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock \
		build cyclonedx-bom hatchling packaging uv
	touch $@

$(DEV_SETUP): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock \
		--editable '.[train,bench,pandas,parquet,jetson,mtcnn,web,mqtt,osc,docs,dev]'
	touch $@ $(RUN_SETUP) $(BUILD_SETUP)

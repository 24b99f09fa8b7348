# Every task by name; `make` alone prints them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST_ARGS ?= -n 2

.DEFAULT_GOAL := help
.PHONY: help emulate setup demo test lint format types bench image boards flash hil clean

help:  ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## make the environment (.venv) with the pinned packages

$(READY): pyproject.toml setup.py constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV) (a minute or two, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(READY)  ## the whole product on a real ECG: boot, record over BLE, report (ECG=path/to/record)
	@$(BIN)/python -m heartlog.demo $(if $(ECG),--ecg "$(ECG)")

test: $(READY) lint types  ## pass the tests (HEARTLOG_ECG=folder adds those on the MIT-BIH database)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(READY)  ## ruff: lint and format check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(READY)  ## ruff: mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(READY)  ## mypy, strict, on the host tool
	@$(BIN)/mypy

bench: $(READY)  ## print the measured figures, deterministic ones first
	@$(BIN)/python -m heartlog.bench

image: $(READY)  ## build a firmware image: make image BOARD=virtual
	@$(BIN)/python -m heartlog.image $(or $(BOARD),virtual) $(if $(FROZEN),--frozen)

flash: $(READY)  ## put the firmware on a board: make flash BOARD=pico2_w PORT=/dev/ttyACM0
	@$(BIN)/heartlog device flash $(or $(BOARD),$(error Say which board: make flash BOARD=pico2_w)) $(if $(PORT),--port $(PORT)) $(FLASH_ARGS)

hil: $(READY)  ## run the tests that need a board on it: make hil BOARD=pico2_w PORT=/dev/ttyACM0
	@mkdir -p build
	@$(BIN)/python -m heartlog.device.hil $(or $(BOARD),$(error Say which board: make hil BOARD=pico2_w)) $(if $(PORT),--port $(PORT)) $(if $(BACKEND),--backend $(BACKEND)) $(if $(ELECTRODES),--electrodes $(ELECTRODES)) --junit build/hil-$(BOARD).xml

boards: $(READY)  ## list the boards, and renew their wiring pages
	@$(BIN)/python -m heartlog.image.boards --write

emulate: $(READY)  ## the samplers on an emulated RP2040: make emulate BOARD=pico_w UF2=path/to.uf2
	@$(BIN)/python -m heartlog.emulate --board $(or $(BOARD),pico_w) $(if $(UF2),--uf2 "$(UF2)") $(EMULATE_ARGS)

clean:  ## remove what the tasks made (not the store)
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

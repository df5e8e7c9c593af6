# `make` says what there is. Each target installs what it needs (scripts/bootstrap)
# and says so; nothing is installed that is already there.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# A folder of videos to put on the air; empty for the demo library.
MEDIA ?=
# Where the catalogue, the demo clips and the segments live.
DATA ?= ./aerial-data
LISTEN ?= 127.0.0.1:8400
# What `make sim` passes on; scripts/sim says what there is.
SIM ?=
# What `make bench` passes on; scripts/bench says what there is.
BENCH ?=
# What `make fuzz` passes on; scripts/fuzz says what there is.
FUZZ ?=
# What `make soak` passes on; scripts/soak says what there is.
SOAK ?=
# How often `make kills` kills the server.
KILLS ?= 200
# `make run PROFILE=dev` builds in half the time and runs slower.
PROFILE ?= release

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
BINARY := $(TARGET_DIR)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/aerial

.PHONY: help run test e2e check bench fuzz sim soak kills web deb release clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build and serve a demo library; MEDIA=/path/to/videos serves that folder
	@scripts/bootstrap run
	@scripts/web build
	cargo build --locked --profile $(PROFILE) --package aerial
	exec $(BINARY) $(if $(MEDIA),serve --media "$(MEDIA)",demo) --data "$(DATA)" --listen "$(LISTEN)"

test: ## run all tests
	@scripts/bootstrap test
	@scripts/web build
	@scripts/test

e2e: ## run all tests of the web app in a browser
	@scripts/bootstrap test
	cargo build --locked --workspace --bins
	@scripts/web e2e

check: ## formatting, lints, docs, licences, unused dependencies
	@scripts/bootstrap check
	@scripts/check

bench: ## run the benchmarks, half an hour; a table at the end; BENCH="--kills 100 kill" for parts
	@scripts/bootstrap bench
	@scripts/bench $(BENCH)

fuzz: ## feed it what nobody would write, twenty minutes; FUZZ="--for 600 mpegts" for parts
	@scripts/bootstrap fuzz
	@scripts/fuzz $(FUZZ)

sim: ## live 100 channel-years in the simulator; SIM="--seed 7" for others
	@scripts/bootstrap sim
	@scripts/sim $(SIM)

soak: ## let a server live for hours, an hour and a half; SOAK="--for 600" for less
	@scripts/bootstrap soak
	@scripts/soak $(SOAK)

kills: ## kill a server at 200 random moments while it writes; KILLS=1000 for more
	@scripts/bootstrap test
	KILLS=$(KILLS) cargo test --locked --package aerial --test kills -- --nocapture

web: ## build the web page alone
	@scripts/bootstrap web
	@scripts/web build

deb: ## make a Debian package, in target/dist
	@scripts/bootstrap release
	@scripts/release deb

release: ## make an archive, a Debian package (on Debian) and their checksums, in target/dist
	@scripts/bootstrap release
	@scripts/release

clean: ## remove what was built (not aerial-data)
	cargo clean
	rm -rf web/dist web/node_modules packaging/staged .tools

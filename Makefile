# Builds, checks and tests everything. `make` alone lists the targets.
#
# Host and plugins are built apart: the host into target/, plugins into target/guests/ by the compiler that
# plugins/toolchain finds. Cargo decides what is out of date.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:

# One folder each, whatever the caller's environment says: host/cli/build.rs looks for the plugins there.
unexport CARGO_TARGET_DIR

STEP := .ci/step
WASM := wasm32-wasip2
GUESTS := $(CURDIR)/target/guests

# Cargo's own release profile, as in an author's own crate: the workspace's profile is the host's, and its debug
# information would make a plugin six times as large.
GUEST_ENV := CARGO_TARGET_DIR='$(GUESTS)' CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_INCREMENTAL=false
GUEST_BUILD := env $(GUEST_ENV) plugins/toolchain/setup --run cargo build --release --target $(WASM)

# The tests of a package are built with the features of the packages named beside it. The groups keep what lies
# underneath the same as in `build`, so that it is compiled once: tests of the engine stop tokio's clock, which is a
# feature of tokio, and everything on tokio would be compiled anew with it.
HOST := $(patsubst host/%/Cargo.toml,-p cofferdam-%,$(wildcard host/*/Cargo.toml))
HOST_PURE := -p cofferdam-engine -p cofferdam-model -p cofferdam-stack
HOST_IO := -p cofferdam-cli -p cofferdam-home -p cofferdam-runtime
PLUGINS := $(patsubst plugins/%/Cargo.toml,-p cofferdam-%,$(wildcard plugins/*/Cargo.toml)) -p cofferdam-sdk-derive
# Test plugins are components and nothing else: never built for the host.
FIXTURES := $(wildcard tests/guests/*/Cargo.toml)
ALL := --workspace $(if $(FIXTURES),--exclude 'fixture-*')

# nextest where it is installed: faster, and each test in a process of its own. Cargo runs the same tests.
NEXTEST = $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)
TEST = $(if $(NEXTEST),cargo nextest run --release --no-fail-fast $(if $(IGNORED),--run-ignored all),cargo test --release --no-fail-fast)
EVERY = $(if $(NEXTEST),,--lib --bins --tests)
REST = $(if $(NEXTEST),,$(if $(IGNORED),-- --include-ignored))

# What the end-to-end tests test, and with which test plugins.
export COFFERDAM_BIN ?= $(CURDIR)/target/release/cofferdam
export COFFERDAM_FIXTURES ?= $(GUESTS)/$(WASM)/release

.PHONY: help setup plugins build demo test test-full bench lint fmt clean
.PHONY: binary fixtures real test-host test-plugins test-end-to-end

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Make the compiler for plugins ready; under a second when it is
	@$(STEP) 'plugin toolchain' plugins/toolchain/setup

plugins: ## Build the bundled plugins to WebAssembly components
	@$(STEP) 'bundled plugins' $(GUEST_BUILD) -p cofferdam-null -p cofferdam-local

build: plugins binary ## Build target/release/cofferdam with the plugins inside

binary:
	@$(STEP) 'cofferdam' cargo build --release -p cofferdam-cli

demo: build ## Deploy tests/stacks/devbox in a temporary folder, look at it and destroy it
	@$(STEP) 'demo' tests/demo/run

test: build fixtures real test-host test-plugins test-end-to-end ## Run every test but those that need large installs

test-full: IGNORED = yes
test-full: test ## Run every test, with real servers of any size

fixtures:
	$(if $(FIXTURES),@$(STEP) 'test plugins' $(GUEST_BUILD) -p 'fixture-*',@echo 'there are no test plugins')

real:
	@$(STEP) 'tools for the real tier' tests/real/setup $(if $(IGNORED),--full)

test-host:
	@$(STEP) 'tests of the host: language, model, engine' $(TEST) $(EVERY) $(HOST_PURE) $(REST)
	@$(STEP) 'tests of the host: home, runtime, command line' $(TEST) $(EVERY) $(HOST_IO) $(REST)
	@$(STEP) 'examples in the docs of the host' bash -c 'cargo test --release --doc $(HOST_PURE) && \
		cargo test --release --doc $(HOST_IO)'

test-plugins:
	@$(STEP) 'tests of the plugins' $(TEST) $(EVERY) $(PLUGINS) $(REST)
	@$(STEP) 'examples in the docs of the plugins' cargo test --release --doc -p cofferdam-sdk

# `binary` again: building the tests above may have put another build of the same program in its place.
test-end-to-end: binary
	@$(STEP) 'end-to-end tests' $(TEST) $(EVERY) -p cofferdam-tests $(REST)
	@$(STEP) 'end-to-end tests with plugins in other languages' $(TEST) -p cofferdam-tests --test real $(REST)

bench: build real ## Measure against Terraform; BENCH='--n 100 --reps 3' passes options on
	@$(STEP) 'bench' tests/bench/run $(BENCH)
	@$(STEP) 'bytes written' tests/bench/io

lint: plugins ## Check format, lints, docs and dependencies
	@$(STEP) 'format' cargo fmt --all --check
	@$(STEP) 'clippy' cargo clippy --release $(ALL) --all-targets -- -D warnings
	@$(STEP) 'docs' env RUSTDOCFLAGS='-D warnings' cargo doc --release --no-deps $(ALL)
	@$(STEP) 'licences and sources' .ci/deny

fmt: ## Format every crate
	@$(STEP) 'format' cargo fmt --all

clean: ## Remove what was built, but not the toolchain and tools that were downloaded
	@$(STEP) 'clean' find target -mindepth 1 -maxdepth 1 ! -name toolchain ! -name real -exec rm -rf {} +

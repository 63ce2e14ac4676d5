# `make` alone shows what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# rustup's own place, for shells that have not read its profile.
export PATH := $(HOME)/.cargo/bin:$(PATH)

WHARF := $(or $(CARGO_TARGET_DIR),target)/release/wharf

.PHONY: up test compose-suite build lint bench down clean-engines help

up: ## prepare this machine, build wharf, bring the dev env up
	@scripts/prepare
	cargo build --release --locked
	$(WHARF) up dev
	@echo
	@echo 'app        http://127.0.0.1:5000'
	@echo 'health     http://127.0.0.1:5000/health'
	@echo 'queue      http://127.0.0.1:15672'
	@echo 'database   127.0.0.1:55432'
	@echo
	@echo '`make down` stops it and keeps its data; `$(WHARF) --help` shows what else there is.'

test: ## prepare this machine, run every test, on Docker 20.10 and 26.1
	@scripts/test

compose-suite: ## run docker compose's own end-to-end tests against wharf
	cargo build --locked
	@scripts/compose-suite

build: ## build wharf in release mode
	cargo build --release --locked

lint: ## check the format, and clippy without warnings
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

bench: ## measure wharf against docker compose
	@scripts/bench

down: ## stop the dev env; volumes are kept
	$(WHARF) down dev

clean-engines: ## stop the engines that the scripts started, remove what the test engines hold
	@for engine in bookworm trixie sid; do scripts/engine $$engine stop --purge || exit; done
	@scripts/engine default stop

help: ## show this
	@sed -n 's/^\([a-z-]*\): ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | while IFS=$$'\t' read -r target text; do printf '  make %-14s %s\n' "$$target" "$$text"; done

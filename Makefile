# The names people type. `make` alone lists them.

.DEFAULT_GOAL := help
SHELL := /bin/bash

# What tests/setup/install.sh installed goes before other versions of the same tools.
TOOLS := $(or $(YAGA_TOOLS),$(HOME)/.cache/yaga/tools)
export PATH := $(TOOLS)/venv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0

# One profile for demo, tests and local functions, so that each crate is built once. There `--bin`
# or `--workspace`, never `-p`: other packages would mean other features, and a rebuild.
CI := --profile ci

ARCH ?= arm64
PORT ?= 9000
STAGE ?= dev

.PHONY: help demo test soak check lint-template bench accuracy build deploy watch \
	invoke-training invoke-inference clean has-cargo has-cargo-lambda

help: ## List these names.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: has-cargo ## Simulate a fleet, train on it, follow its incidents. Needs nothing but Rust.
	cargo run $(CI) --quiet --bin yaga -- demo

test: has-cargo ## All tests. Installs the real servers first, outside the checkout.
	tests/setup/install.sh
	cargo test --workspace $(CI)

soak: has-cargo ## A million random histories of incidents against a model. ARGS='--seed 7' replays one; STATE_ARGS='7 1' and YAGA_KILL_SEED likewise.
	cargo run $(CI) --quiet --example soak -- $(ARGS)
	cargo run $(CI) --quiet --example state_soak -- $(STATE_ARGS)
	YAGA_KILL_CYCLES=300 cargo test --workspace $(CI) --test end_to_end -- journeys::killed
	YAGA_OVERLAP_ROUNDS=200 cargo test --workspace $(CI) --test end_to_end -- journeys::overlap

check: has-cargo lint-template ## Format, lints, dependency policy, template.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(CI) -- -D warnings
	@if command -v cargo-deny >/dev/null; \
		then cargo deny --offline check bans licenses sources; \
		else echo 'not checked: deny.toml, because cargo-deny is not installed'; fi

lint-template:
	@if command -v cfn-lint >/dev/null; \
		then cfn-lint -r us-east-1 -- infra/template.yaml; \
		else echo 'not checked: infra/template.yaml, because cfn-lint is not installed'; fi
	@if command -v sam >/dev/null; \
		then sam validate --lint -t infra/template.yaml --region us-east-1; \
		else echo 'not checked: sam validate, because sam is not installed'; fi

bench: has-cargo ## Speed and quality of the forest beside its peers; what yaga costs.
	tests/bench/run.sh bench.py
	tests/bench/run.sh quality.py
	cargo run $(CI) --quiet --example cost

accuracy: has-cargo ## Backtests of all labelled packs in a folder, as a table. DATA=folder
	@: $${DATA:?is not set: a folder of packs, see docs/MACHINE_LEARNING.md}
	cargo run $(CI) --quiet --example accuracy -- '$(DATA)' $(ACCURACY)

build: has-cargo-lambda ## What is shipped: both functions as zips, and yaga. ARCH=arm64 or x86_64.
	cargo lambda build --release $(if $(filter x86_64,$(ARCH)),--x86-64 --compiler cargo,--arm64) \
		--output-format zip --lambda-dir target/lambda -p training -p inference
	cargo build --release -p yaga

deploy: ## Deploy what `make build` built. STAGE=dev or prod, see samconfig.toml.
	sam deploy --config-env $(STAGE)

watch: has-cargo-lambda ## Run both functions here. Set VM_ENDPOINT and MODELS_DIR first.
	@: $${VM_ENDPOINT:?is not set: a VictoriaMetrics, or file://recording.jsonl.gz}
	@: $${MODELS_DIR:?is not set: a folder, or s3://bucket/prefix}
	cargo lambda watch -A 127.0.0.1 -P $(PORT) $(CI) --ignore-changes

invoke-training: EVENT ?= infra/events/training-one-service.json
invoke-training: has-cargo-lambda ## Invoke training; `make watch` must run. EVENT=file
	cargo lambda invoke -A 127.0.0.1 -P $(PORT) training --data-file $(EVENT)

invoke-inference: EVENT ?= infra/events/inference-replay.json
invoke-inference: has-cargo-lambda ## Invoke inference, likewise. EVENT=file
	cargo lambda invoke -A 127.0.0.1 -P $(PORT) inference --data-file $(EVENT)

clean: has-cargo ## Remove what was built and what the demo wrote.
	cargo clean
	rm -rf target yaga-demo

has-cargo:
	@command -v cargo >/dev/null || { echo 'cargo is missing: install Rust (rustup.rs)'; exit 1; }

has-cargo-lambda: has-cargo
	@command -v cargo-lambda >/dev/null \
		|| { echo 'cargo-lambda is missing: run tests/setup/install.sh'; exit 1; }

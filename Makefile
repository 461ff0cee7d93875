TARGET := wasm32-wasip1
# Unset, because flags for the host's builds would replace those in .cargo/config.toml.
BUILD_WASM := env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS cargo build --release --locked --target $(TARGET) --target-dir target/module
MODULES := target/module/$(TARGET)/release
SOURCES := $(shell find src crates/json-scan -type f) Cargo.toml Cargo.lock .cargo/config.toml rust-toolchain.toml
AUDIT := target/debug/interlink-audit

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z0-9.-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

policy.wasm: $(SOURCES) | $(TARGET) ## Build the policy module
	cargo run --locked --package interlink-policy-module -- $@

annotated-policy.wasm: policy.wasm policy-metadata.yml USAGE.md ## Build the module to publish (needs kwctl)
	kwctl annotate --metadata-path policy-metadata.yml --usage-path USAGE.md --output-path $@ policy.wasm

artifacthub-pkg.yml: policy-metadata.yml questions-ui.yml ## Regenerate what Artifact Hub shows (needs kwctl)
	kwctl scaffold artifacthub --metadata-path policy-metadata.yml --questions-path questions-ui.yml --output $@

.PHONY: run
run: policy.wasm ## Evaluate the module over the examples
	cargo build --locked --package interlink-audit
	@# The bad examples are refused, so the exit code is 1.
	@$(AUDIT) check --policy deploy/protect.yaml examples/good examples/bad || test $$? -eq 1

.PHONY: test
test: | $(TARGET) ## Run all tests
	cargo test --workspace --locked
	$(MAKE) --no-print-directory e2e

.PHONY: e2e
e2e: ## Run the module in kwctl, if kwctl and bats are installed
	@if command -v kwctl >/dev/null && command -v bats >/dev/null; then \
		$(MAKE) --no-print-directory annotated-policy.wasm && bats e2e-tests/kwctl.bats; \
	else \
		echo "SKIPPED: e2e-tests/kwctl.bats needs kwctl and bats on PATH"; \
	fi

.PHONY: e2e-cluster
e2e-cluster: ## Run the policy in the cluster of the current context (needs kubectl, bats, Kubewarden and E2E_MODULE)
	@if command -v kubectl >/dev/null && command -v bats >/dev/null && \
		kubectl version --request-timeout 10s >/dev/null 2>&1; then \
		bats e2e-tests/cluster.bats; \
	else \
		echo "SKIPPED: e2e-tests/cluster.bats needs kubectl and bats on PATH, and a cluster that kubectl reaches"; \
	fi

# cargo fmt does not find the modules that a macro declares.
RULES := $(wildcard src/rules/*.rs)

.PHONY: fmt
fmt: ## Format all code
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	rustfmt --edition 2024 $(RULES)

.PHONY: lint
lint: | $(TARGET) ## Check format and lints; spelling and links, if typos and lychee are installed
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	rustfmt --edition 2024 --check $(RULES)
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if command -v typos >/dev/null; then typos; else echo "SKIPPED: checking the spelling needs typos on PATH"; fi
	@if command -v lychee >/dev/null; then \
		lychee --offline --include-fragments --no-progress './*.md' './docs/*.md'; \
	else echo "SKIPPED: checking the links needs lychee on PATH"; fi

.PHONY: generate
generate: ## Write what is generated: parts of README, docs, Rancher's form and artifacthub-pkg.yml
	cargo run --locked --package interlink-generate

# The examples in crates/bench-baselines that the policy is compared with.
BASELINES := accept_all sdk_idiom
# Those that compare json-scan with serde_json.
SCANNERS := find_json_scan find_serde_json tree_serde_json

.PHONY: bench
bench: policy.wasm ## Count wasm instructions per request
	$(BUILD_WASM) --examples --package interlink-bench-baselines
	cargo run --locked --package interlink-bench -- policy.wasm $(BASELINES:%=$(MODULES)/examples/%.wasm)
	@# The largest requests that the policy server accepts.
	cargo run --locked --package interlink-bench -- --hostile policy.wasm
	@# Comparing an address with the pods of a cluster.
	cargo run --locked --package interlink-bench -- --pods policy.wasm
	@# What json-scan saves: finding one field behind the request.
	cargo run --locked --package interlink-bench -- $(SCANNERS:%=$(MODULES)/examples/%.wasm)

.PHONY: bench-audit
bench-audit: | $(TARGET) ## Time interlink-audit over a dump of 120,000 objects and a repository of 5,000 files
	cargo build --release --locked --package interlink-audit --package interlink-bench-audit
	target/release/interlink-bench-audit target/release/interlink-audit target/bench-audit

# How long each target runs.
FUZZ_SECONDS ?= 30
FUZZ_TARGETS := durations escapes field_ownership json_scan validate validate_settings module_vs_native

.PHONY: fuzz
fuzz: fuzz-build ## Fuzz the policy, FUZZ_SECONDS=30 a target (needs a C++ compiler)
	@for target in $(FUZZ_TARGETS); do fuzz/run $$target $(FUZZ_SECONDS) || exit; done

.PHONY: fuzz-corpus
fuzz-corpus: fuzz-build ## Keep what fuzzing found in fuzz/corpus
	@for target in $(FUZZ_TARGETS); do fuzz/run $$target minimize || exit; done
	FUZZ_PACK=$(CURDIR)/target/fuzz/merged cargo test --locked --package interlink-e2e-tests --test e2e

.PHONY: fuzz-build
fuzz-build: | $(TARGET)
	rm -rf target/fuzz/seeds
	FUZZ_UNPACK=$(CURDIR)/target/fuzz/seeds cargo test --locked --package interlink-e2e-tests --test e2e
	@# In its own target folder: the policy's library has the same name there, but coverage counters.
	RUSTC_WRAPPER=$(CURDIR)/fuzz/instrument \
		cargo build --locked --manifest-path fuzz/Cargo.toml --target-dir target/fuzz

# The shard of mutants to test: testing all of them takes hours.
MUTANTS ?= 0/50

.PHONY: mutants
mutants: ## Test one shard of mutants, MUTANTS=0/50 (needs cargo-mutants)
	cargo mutants --package interlink-annotations-policy --package json-scan \
		--sharding round-robin --shard $(MUTANTS) --output target

.PHONY: deny
deny: ## Check licenses, sources and advisories of the dependencies (needs cargo-deny)
	cargo deny --locked check

.PHONY: reproducible
reproducible: policy.wasm ## Build the module again in another folder, and compare
	copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && \
		git ls-files --cached --others --exclude-standard -z | tar --null -T - -cf - | tar -xf - -C "$$copy" && \
		$(MAKE) -C "$$copy" policy.wasm && cmp policy.wasm "$$copy/policy.wasm" && echo "The two are the same."
	@# It must not contain the path where it was built, or it would differ for others.
	! grep --quiet --text --fixed-strings "$$HOME" policy.wasm

.PHONY: clean
clean: ## Remove everything that was built
	cargo clean
	rm -f policy.wasm annotated-policy.wasm

# Installs the target if it is missing.
.PHONY: $(TARGET)
$(TARGET):
	@test -d "$$(rustc --print target-libdir --target $(TARGET))" || rustup target add $(TARGET)

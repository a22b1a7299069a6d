# `make run` builds and starts the server; `make test` runs every test. Nothing else is needed than Rust.
.PHONY: run test lint ci

run:
	cargo run --release

test:
	cargo test --workspace --all-features
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	scripts/cargo-deny check bans licenses sources

ci:
	.ci/run

# Endurance (docs/reliability.md): kills at random moments; load for a long time. `endurance-short` is CI's round of both.
.PHONY: crash soak endurance-short
ROUNDS ?= 300
MINUTES ?= 20

crash:
	cargo build --release -p jwtis -p jwtis-endurance
	$${CARGO_TARGET_DIR:-target}/release/jwtis-endurance crash --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))

soak:
	cargo build --release -p jwtis -p jwtis-endurance
	$${CARGO_TARGET_DIR:-target}/release/jwtis-endurance soak --minutes $(MINUTES)

endurance-short:
	cargo build --quiet -p jwtis -p jwtis-endurance
	cargo run --quiet -p jwtis-endurance -- crash --rounds 10
	cargo run --quiet -p jwtis-endurance -- soak --minutes 0.4

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

# `make run` builds and starts the server; `make test` runs every test. Nothing else is needed than Rust.
.PHONY: run test lint ci interop

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

# Other people's libraries and clients against a running server, and what they found into docs/interop.md. Nothing may be skipped.
interop:
	CI=1 UPDATE_DOCS=1 cargo test -p jwtis --test issuer_interop --test signer_interop

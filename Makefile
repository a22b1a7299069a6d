# `make run` builds and starts the server; `make test` runs every test. Rust, Node and Python are needed.
.PHONY: run test lint import-circles ci bench bench-size bench-short interop schemathesis fuzz fuzz-short
# `make run` builds and starts the server; `make test` runs every test. Rust, Node and Python are needed.

run:
	cargo run --release

test:
	cargo test --workspace --all-features
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	$(MAKE) import-circles
	tools/scripts/cargo-deny check bans licenses sources
	tools/scripts/advisories

# No two files import each other in a circle.
import-circles:
	tools/scripts/import-circles

# The APIs against their OpenAPI documents, for some minutes and each time with other requests; a short round is in `make test`.
schemathesis:
	CI=1 SCHEMATHESIS_EXAMPLES=$${SCHEMATHESIS_EXAMPLES:-300} SCHEMATHESIS_SEED=$${SCHEMATHESIS_SEED:-$$(date +%s)} \
		cargo test -p jwtis --test interop schemathesis -- --nocapture

ci:
	.ci/run

# What requests cost beyond their cryptography; ten minutes on an idle machine. BENCH="--world signer --rounds 3" for a part of it.
bench:
	cargo build --release -p jwtis -p jwtis-load
	$${CARGO_TARGET_DIR:-target}/release/jwtis-load bench --out target/bench $(BENCH)

# Starts with up to 100,000 clients, load with up to a million sessions; some minutes, most of them for making the sessions.
bench-size:
	cargo build --release -p jwtis -p jwtis-load
	$${CARGO_TARGET_DIR:-target}/release/jwtis-load size --out target/bench $(BENCH)

# CI's round of both, on debug builds: that every request is answered, and rightly. Times say nothing here and fail nothing.
bench-short:
	cargo build --quiet -p jwtis -p jwtis-load
	$${CARGO_TARGET_DIR:-target}/debug/jwtis-load bench --rounds 1 --seconds 0.2 --out target/bench-short
	$${CARGO_TARGET_DIR:-target}/debug/jwtis-load size --largest 1000 --rounds 1 --seconds 0.2 --out target/bench-short

# Other people's libraries and clients against a running server, and what they found into docs/reference/interop.md. Nothing may be skipped.
interop:
	CI=1 UPDATE_DOCS=1 cargo test -p jwtis --test interop -- issuer:: signer::
# Fuzzing (docs/internals/fuzzing.md): with coverage, SECONDS_EACH for each target; `fuzz-short` is the plain loop that `make test` runs for a second each.
SECONDS_EACH ?= 120
TARGETS ?=

fuzz:
	tools/scripts/fuzz $(SECONDS_EACH) $(TARGETS)

fuzz-short:
	JWTIS_FUZZ_SECONDS=5 cargo test -p jwtis --test fuzz_targets -- --nocapture

# Endurance (docs/reference/reliability.md): kills at random moments; load for a long time. `endurance-short` is CI's round of both.
.PHONY: crash soak endurance-short
ROUNDS ?= 300
MINUTES ?= 20

crash:
	cargo build --release -p jwtis -p jwtis-load
	$${CARGO_TARGET_DIR:-target}/release/jwtis-load crash --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED)) $(if $(WATERMARK),--watermark $(WATERMARK))

soak:
	cargo build --release -p jwtis -p jwtis-load
	$${CARGO_TARGET_DIR:-target}/release/jwtis-load soak --minutes $(MINUTES)

endurance-short:
	cargo build --quiet -p jwtis -p jwtis-load
	cargo run --quiet -p jwtis-load -- crash --rounds 10
	cargo run --quiet -p jwtis-load -- crash --rounds 5 --watermark file
	cargo run --quiet -p jwtis-load -- soak --minutes 0.4

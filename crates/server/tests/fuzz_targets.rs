//! The fuzz targets of `tools/fuzz/`, driven by a plain loop of mutations: a short round in every test run, without an instrumented build.
//!
//! `JWTIS_FUZZ_SECONDS` is the time for each target, `JWTIS_FUZZ_SEED` repeats a run. docs/internals/fuzzing.md has the rest.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    dead_code,
    unused_attributes,
    reason = "tests"
)]

use std::time::Duration;

#[path = "../../../tools/fuzz/src/lib.rs"]
mod targets;

/// The fuzzer's own binary, so that every clippy and test run compiles it: this crate stands in for the two that it uses.
#[path = "../../../tools/fuzz/src/main.rs"]
mod binary;
extern crate self as jwtis_fuzz;
extern crate self as libfuzzer_sys;
pub(crate) use targets::{Target, find, write_seeds};

macro_rules! fuzz_target {
    (init: $begin:expr, |$data:ident: $bytes:ty| $run:expr) => {
        pub(crate) fn run($data: $bytes) {
            $begin;
            $run;
        }
    };
}
pub(crate) use fuzz_target;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn drive(name: &str) {
    let target = targets::find(name).unwrap();
    let seed = number("JWTIS_FUZZ_SEED", u64::from(std::process::id()));
    let runs = targets::plain::drive(target, seed, Duration::from_secs(number("JWTIS_FUZZ_SECONDS", 1)));
    println!("{name}: {runs} inputs, JWTIS_FUZZ_SEED={seed}");
}

macro_rules! each {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            drive(stringify!($name));
        })*

        #[test]
        fn every_target_is_driven() {
            let names: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

each!(
    jws,
    jwe,
    jwk,
    pkcs8,
    claims,
    tezos_request,
    base58check,
    watermark_files,
    config,
    words,
    issuer_http,
    signer_http,
    hook_reply,
);

//! Fuzz targets: what must hold of each parser of outside bytes, whatever the bytes.
//!
//! A target is a function of bytes that panics where a property is broken. libFuzzer drives them with coverage (`make fuzz`), and
//! a plain loop of mutations drives the same functions in the ordinary tests (`crates/server/tests/fuzz_targets.rs`).
//! docs/internals/fuzzing.md says what was run and what was found.
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
    reason = "fuzz targets: a panic is the finding"
)]

pub mod hook;
pub mod http;
pub mod jose;
pub mod plain;
pub mod seeds;
pub mod tezos;
pub mod words;

/// A parser and what is asserted of it.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
}

pub const ALL: &[Target] = &[
    Target { name: "jws", run: jose::jws, seeds: jose::jws_seeds },
    Target { name: "jwe", run: jose::jwe, seeds: jose::jwe_seeds },
    Target { name: "jwk", run: jose::jwk, seeds: jose::jwk_seeds },
    Target { name: "pkcs8", run: jose::pkcs8, seeds: jose::pkcs8_seeds },
    Target { name: "claims", run: jose::claims, seeds: jose::claims_seeds },
    Target { name: "tezos_request", run: tezos::request, seeds: tezos::request_seeds },
    Target { name: "base58check", run: tezos::base58, seeds: tezos::base58_seeds },
    Target { name: "watermark_files", run: tezos::watermarks, seeds: tezos::watermarks_seeds },
    Target { name: "config", run: words::config, seeds: words::config_seeds },
    Target { name: "words", run: words::words, seeds: words::words_seeds },
    Target { name: "issuer_http", run: http::issuer, seeds: http::issuer_seeds },
    Target { name: "signer_http", run: http::signer, seeds: http::signer_seeds },
    Target { name: "hook_reply", run: hook::reply, seeds: hook::reply_seeds },
];

/// The target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

/// Writes the seeds of a target into `folder`, a file each.
pub fn write_seeds(target: &Target, folder: &std::path::Path) {
    std::fs::create_dir_all(folder).unwrap();
    for (index, seed) in (target.seeds)().into_iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{index:04}")), seed).unwrap();
    }
}

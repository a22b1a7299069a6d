//! The worlds of the benchmark, by name.

use std::path::Path;

use super::{World, issuer, signer};
use crate::output::Fault;

/// Prepares a world; the path is the program's.
pub(crate) type Start = fn(&Path) -> Result<World, Fault>;

/// All worlds.
pub(crate) const WORLDS: [(&str, Start); 5] = [
    ("issuer", issuer::default_algorithms),
    ("issuer-eddsa", issuer::eddsa),
    ("issuer-rsa", issuer::rsa),
    ("signer", signer::store),
    ("signer-file", signer::file),
];

//! Algorithms as text. An unknown name is answered with the known ones.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{ContentEncryption, KeyAlgorithm, KeyManagementAlgorithm, SignatureAlgorithm};

/// A name that is not in the table. Names are case-sensitive (RFC 7515 §4.1.1).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} has no value {name:?} here: use one of {known}")]
pub struct UnknownAlgorithm {
    what: &'static str,
    name: String,
    known: String,
}

impl UnknownAlgorithm {
    fn new(what: &'static str, name: &str, known: impl Iterator<Item = &'static str>) -> Self {
        // A name comes from outside; a message need not repeat more of it than a reader can use.
        let name = name.chars().take(40).collect();
        Self { what, name, known: known.collect::<Vec<_>>().join(", ") }
    }

    /// The name that was asked for, cut to 40 characters.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for KeyAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        if let Ok(alg) = name.parse() {
            return Ok(Self::Signature(alg));
        }
        name.parse().map(Self::KeyManagement).map_err(|_| {
            let signatures = SignatureAlgorithm::ALL.iter().map(|alg| alg.name());
            let known = signatures.chain(KeyManagementAlgorithm::ALL.iter().map(|alg| alg.name()));
            UnknownAlgorithm::new("alg", name, known)
        })
    }
}

macro_rules! named_by_its_row {
    ($type:ty, $what:literal) => {
        impl FromStr for $type {
            type Err = UnknownAlgorithm;

            fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
                let unknown = || UnknownAlgorithm::new($what, name, Self::ALL.iter().map(|row| row.name()));
                Self::ALL.iter().copied().find(|row| row.name() == name).ok_or_else(unknown)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

named_by_its_row!(SignatureAlgorithm, "alg");
named_by_its_row!(KeyManagementAlgorithm, "alg");
named_by_its_row!(ContentEncryption, "enc");

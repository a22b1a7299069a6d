//! Algorithms as text. An unknown name is answered with the known ones.

/// A name that is not in the table. Names are case-sensitive (RFC 7515 §4.1.1).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} has no value {name:?} here: use one of {known}")]
pub struct UnknownAlgorithm {
    what: &'static str,
    name: String,
    known: String,
}

impl UnknownAlgorithm {
    pub(super) fn new(what: &'static str, name: &str, known: impl Iterator<Item = &'static str>) -> Self {
        // The name comes from outside; a message need not repeat more of it than a reader can use.
        let name = name.chars().take(40).collect();
        Self { what, name, known: known.collect::<Vec<_>>().join(", ") }
    }

    /// The name that was asked for, cut to 40 characters.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// An enum of algorithms: its values, their names in JOSE, and the implementation of each.
macro_rules! algorithms {
    ($(#[$about:meta])* $type:ident, $what:literal, $scheme:ident: $is:ty;
     $($(#[$of:meta])* $value:ident $name:literal $by:expr;)+) => {
        $(#[$about])*
        #[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
        pub enum $type {
            $($(#[$of])* $value,)+
        }

        impl $type {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The name in JOSE.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$value => $name,)+ }
            }

            pub(crate) const fn $scheme(self) -> $is {
                match self { $(Self::$value => $by,)+ }
            }
        }

        impl std::str::FromStr for $type {
            type Err = UnknownAlgorithm;

            fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
                let unknown = || UnknownAlgorithm::new($what, name, Self::ALL.iter().map(|row| row.name()));
                Self::ALL.iter().copied().find(|row| row.name() == name).ok_or_else(unknown)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(super) use algorithms;

//! The protocols whose operations are understood, and which of them reads a request.

use std::fmt;

use crate::SigningVersion;

/// A protocol, as far as the layout of operations differs.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Protocol {
    /// 021 and before: `update_consensus_key` has no proof.
    Quebec,
    /// 022.
    Rio,
    /// 023 and 024, which have the same layouts.
    Tallinn,
    /// 025.
    Ushuaia,
}

impl Protocol {
    /// The protocols of `version` 2 and 0. A message that they read differently is refused as ambiguous.
    pub const LATEST: &'static [Self] = &[Self::Tallinn, Self::Ushuaia];
    /// The protocols of `version` 1.
    pub const RIO: &'static [Self] = &[Self::Rio];

    /// The protocols of `version`, and the older ones that are tried if those cannot read the message.
    pub(crate) const fn readings(version: SigningVersion) -> (&'static [Self], &'static [Self]) {
        match version {
            SigningVersion::V1 => (Self::RIO, &[Self::Quebec]),
            SigningVersion::V0 | SigningVersion::V2 => (Self::LATEST, &[Self::Rio, Self::Quebec]),
        }
    }

    /// The highest number of a Michelson primitive.
    pub(crate) const fn last_primitive(self) -> u8 {
        match self {
            Self::Quebec | Self::Rio => 158,
            Self::Tallinn | Self::Ushuaia => 160,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Quebec => "Quebec (021)",
            Self::Rio => "Rio (022)",
            Self::Tallinn => "Seoul (023) and Tallinn (024)",
            Self::Ushuaia => "Ushuaia (025)",
        })
    }
}

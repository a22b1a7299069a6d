//! The protocols whose operations are understood, and which of them a request is read by (specification 1.9, 6.6.3).

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
    /// What `version` 2 and 0 are read by. Where these differ on one message, it is refused as ambiguous.
    pub const LATEST: &'static [Self] = &[Self::Tallinn, Self::Ushuaia];
    /// What `version` 1 is read by.
    pub const RIO: &'static [Self] = &[Self::Rio];

    /// The protocols of `version`, and the older ones that are tried when those understand nothing (6.6, note on the missing
    /// proof byte).
    pub(crate) const fn readings(version: SigningVersion) -> (&'static [Self], &'static [Self]) {
        match version {
            SigningVersion::V1 => (Self::RIO, &[Self::Quebec]),
            SigningVersion::V0 | SigningVersion::V2 => (Self::LATEST, &[Self::Rio, Self::Quebec]),
        }
    }

    /// The highest number of a Michelson primitive (6.9).
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

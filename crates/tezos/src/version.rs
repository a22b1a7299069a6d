//! The `version` query parameter of a sign request.

/// How a request wants to be decoded and, for tz4 keys, signed. Signatures of other keys do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SigningVersion {
    /// `0`: not for BLS keys.
    V0,
    /// `1`: the protocol set of Rio; BLS signatures with message augmentation.
    V1,
    /// `2`, and whatever is not one of the others: the latest protocols; BLS signatures of the proof-of-possession scheme.
    #[default]
    V2,
}

impl SigningVersion {
    /// The version of a request that names none.
    pub const LATEST: Self = Self::V2;

    /// Reads the parameter; this never fails. Only the one-character texts `0` and `1` mean something else than the latest.
    pub fn from_query(value: Option<&str>) -> Self {
        match value {
            Some("0") => Self::V0,
            Some("1") => Self::V1,
            _ => Self::V2,
        }
    }

    /// The number, as in the log line `Signing version: N`.
    pub const fn number(self) -> u8 {
        match self {
            Self::V0 => 0,
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

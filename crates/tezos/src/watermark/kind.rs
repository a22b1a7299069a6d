//! What has a watermark of its own.

use std::fmt;

/// What has a mark of its own: a magic byte.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WatermarkKind {
    /// `11`
    Block,
    /// `12`, tags 20 and 40.
    Preattestation,
    /// `13`, tags 21, 23 and 41.
    Attestation,
}

impl WatermarkKind {
    /// Every kind, by name.
    pub const ALL: [Self; 3] = [Self::Attestation, Self::Block, Self::Preattestation];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Preattestation => "preattestation",
            Self::Attestation => "attestation",
        }
    }
}

impl fmt::Display for WatermarkKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

//! What settings of no other area are read from.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use jwtis_base::{Ttl, TtlError, parse_duration};
use jwtis_tezos::watermark::jump::{BlockTime, MaxJump};
use jwtis_tezos::{PublicKey, PublicKeyError, PublicKeyHash};

use super::address::ListenAddress;

/// Whole numbers, in decimal digits, within a range.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $type:ty, $range:expr, $wanted:literal;)*) => {
        $($(#[$doc])*
        #[derive(Copy, Clone, Debug)]
        pub(super) struct $name(pub(super) $type);

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
                number.filter(|number| $range.contains(number)).map(Self).ok_or(concat!("write a number of ", $wanted))
            }
        })*
    };
}

numbers! {
    /// The size of a key; 0 follows the algorithm.
    Bits: u32, (0..), "bits, like 2048";
    /// The longest body of a request for a signature.
    BodyBytes: usize, (1..=16_777_216), "bytes from 1 to 16777216";
    /// What audit records take. Fewer are hardly a trail.
    AuditBytes: u64, (65_536..), "bytes, 65536 or more";
    /// Connections at once.
    Connections: usize, (1..), "connections, 1 or more";
    /// How long a token of a login lives.
    Minutes: u32, (0..), "minutes, like 60";
    /// Operations in a window.
    Operations: u64, (0..), "operations";
}

/// The name of the service.
pub(super) struct ServiceName(pub(super) String);

impl FromStr for ServiceName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.contains(char::is_control) {
            true => Err("the name has control characters; write it with visible ones"),
            false => Ok(Self(text.to_owned())),
        }
    }
}

/// The name of a set of defaults, which the layer applies.
pub(super) struct Profile;

impl FromStr for Profile {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "compatible" | "strict" => Ok(Self),
            _ => Err("the profile is `compatible` or `strict`"),
        }
    }
}

/// A duration that may be zero: no grace at all.
pub(super) struct Grace(pub(super) Duration);

impl FromStr for Grace {
    type Err = TtlError;

    fn from_str(text: &str) -> Result<Self, TtlError> {
        match text.parse::<Ttl>() {
            Ok(grace) => Ok(Self(grace.as_duration())),
            Err(TtlError::Zero) => Ok(Self(Duration::ZERO)),
            Err(error) => Err(error),
        }
    }
}

/// An address to listen on, or none.
pub(super) struct AddressOrOff(pub(super) Option<ListenAddress>);

impl FromStr for AddressOrOff {
    type Err = <ListenAddress as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" { Ok(Self(None)) } else { text.parse().map(|address| Self(Some(address))) }
    }
}

/// How far levels may rise.
#[derive(Copy, Clone)]
pub(super) struct JumpText(pub(super) MaxJump);

impl FromStr for JumpText {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let levels =
            || text.parse::<NonZeroU32>().ok().filter(|_| !text.starts_with('+')).map(MaxJump::Levels);
        let jump = if text == "off" { Some(MaxJump::Off) } else { levels() };
        jump.map(Self).ok_or("write a number of levels from 1 on, or `off`")
    }
}

/// The shortest time between two blocks.
pub(super) struct BlockTimeText(pub(super) BlockTime);

impl FromStr for BlockTimeText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = parse_duration(text).map_err(|error| error.to_string())?;
        let (shortest, longest) = (BlockTime::SHORTEST, BlockTime::LONGEST);
        let wanted = || format!("write a duration from {shortest:?} to {longest:?}");
        BlockTime::new(time).map(Self).ok_or_else(wanted)
    }
}

/// A client, by its public key as in Signatory or by the hash of that.
pub(super) struct KeyOrHash(pub(super) PublicKeyHash);

impl FromStr for KeyOrHash {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        match text.parse::<PublicKeyHash>() {
            Ok(hash) => Ok(Self(hash)),
            Err(_) => text.parse::<PublicKey>().map(|key| Self(key.hash())),
        }
    }
}

//! Keys of these tests, and messages for them.

use jwtis_testkit::consensus::{ConsensusMessage, KINDS};
use jwtis_tezos::SecretKey;
use proptest::prelude::*;

/// Secret keys; the last is a tz4.
pub(crate) const KEYS: [&str; 3] = [
    "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd",
    "edsk3BKJ7haK6mA3os1ydJ6oQqsh9G1LPL9hZeQAc92zC993LbdZTr",
    "BLsk1izdvdGojuA555qRFdhMTZ36PeGSZ95N9TuaWQMmyPAoVyHjUh",
];

pub(crate) fn secret_key(index: usize) -> SecretKey {
    KEYS[index].parse().unwrap()
}

/// Any message of a few levels.
pub(crate) fn any_message() -> impl Strategy<Value = ConsensusMessage> {
    (0..KEYS.len(), 0_usize..2, 0_usize..4, 0..3, 0..2, 0_u8..2).prop_map(
        |(key, chain, kind, level, round, content)| ConsensusMessage {
            key,
            bls: key + 1 == KEYS.len(),
            chain,
            kind: KINDS[kind],
            level,
            round,
            content,
        },
    )
}

//! Consensus messages of few networks, keys, levels, rounds and contents, so that they meet.

use jwtis_tezos::SecretKey;
use proptest::prelude::*;

/// Secret keys of tests; the third is a tz4, whose messages have other tags and no slot.
pub(crate) const KEYS: [&str; 3] = [
    "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd",
    "edsk3BKJ7haK6mA3os1ydJ6oQqsh9G1LPL9hZeQAc92zC993LbdZTr",
    "BLsk1izdvdGojuA555qRFdhMTZ36PeGSZ95N9TuaWQMmyPAoVyHjUh",
];
const TZ4: u8 = 2;

/// What a message is.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Kind {
    Block,
    Preattestation,
    Attestation,
    AttestationWithDal,
}

pub(crate) const KINDS: [Kind; 4] =
    [Kind::Block, Kind::Preattestation, Kind::Attestation, Kind::AttestationWithDal];

/// A message and the key that shall sign it.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Message {
    /// Index into [`KEYS`].
    pub(crate) key: u8,
    pub(crate) chain: u8,
    pub(crate) kind: Kind,
    pub(crate) level: i32,
    pub(crate) round: i32,
    /// Tells messages of one place apart.
    pub(crate) content: u8,
}

/// What has one watermark: key, chain, magic byte. This, and not what the server thinks has one.
pub(crate) type Slot = (u8, u8, u8);

/// Level and round.
pub(crate) type Place = (i32, i32);

impl Message {
    pub(crate) fn slot(&self) -> Slot {
        (self.key, self.chain, self.magic())
    }

    pub(crate) const fn place(&self) -> Place {
        (self.level, self.round)
    }

    const fn magic(&self) -> u8 {
        match self.kind {
            Kind::Block => 0x11,
            Kind::Preattestation => 0x12,
            Kind::Attestation | Kind::AttestationWithDal => 0x13,
        }
    }

    pub(crate) fn secret_key(&self) -> SecretKey {
        secret_key(self.key)
    }

    /// The bytes, forged without the decoder's help (specification 6.7, 6.8).
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.magic(), 0xb3, 0xd7, 0x9f, self.chain];
        let i32 = |number: i32| number.to_be_bytes();
        if self.kind == Kind::Block {
            bytes.extend(i32(self.level));
            bytes.push(21);
            bytes.extend([self.content; 32]); // predecessor
            bytes.extend([0, 0, 0, 0, 0x66, 0xaa, 0, 0, 4]); // timestamp, validation pass
            bytes.extend([0x33; 32]); // operations
            bytes.extend([0, 0, 0, 33, 0, 0, 0, 1, 2, 0, 0, 0, 4]);
            bytes.extend(i32(self.level));
            bytes.extend([0, 0, 0, 0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4]);
            bytes.extend(i32(self.round));
            bytes.extend([0x44; 64]); // context, payload
            bytes.extend(i32(0)); // the payload's round, which is not the block's
            bytes.extend([0; 8 + 2]);
            return bytes;
        }
        bytes.extend([0; 32]); // branch
        let tag = match (self.kind, self.key) {
            (Kind::Preattestation, TZ4) => 40,
            (_, TZ4) => 41,
            (Kind::Preattestation, _) => 20,
            (Kind::AttestationWithDal, _) => 23,
            _ => 21,
        };
        bytes.push(tag);
        if tag < 40 {
            bytes.extend([0, 7]);
        }
        bytes.extend(i32(self.level));
        bytes.extend(i32(self.round));
        bytes.extend([self.content; 32]);
        if tag == 23 {
            bytes.push(5);
        }
        bytes
    }

    /// The same, some levels up.
    pub(crate) fn above(mut self, levels: i32) -> Self {
        self.level += levels;
        self
    }
}

pub(crate) fn secret_key(index: u8) -> SecretKey {
    KEYS[usize::from(index)].parse().unwrap()
}

/// Any message of a few levels.
pub(crate) fn any_message() -> impl Strategy<Value = Message> {
    (0_u8..3, 0_u8..2, 0_usize..4, 0..3, 0..2, 0_u8..2).prop_map(
        |(key, chain, kind, level, round, content)| Message {
            key,
            chain,
            kind: KINDS[kind],
            level,
            round,
            content,
        },
    )
}

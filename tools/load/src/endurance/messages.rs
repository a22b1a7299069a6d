//! Messages for the signer: consensus messages that meet at few places, and payments. Forged without the decoder's help
//! (specification 6.6 to 6.8).

use std::fmt::Write as _;

use crate::endurance::random::Random;

/// A kind of consensus message.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Kind {
    Block,
    Preattestation,
    Attestation,
    AttestationWithDal,
}

const KINDS: [Kind; 4] = [Kind::Block, Kind::Preattestation, Kind::Attestation, Kind::AttestationWithDal];

/// A consensus message and the key that shall sign it.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Message {
    /// Index of the key.
    pub(crate) key: usize,
    /// Messages of a tz4 have other tags and no slot.
    pub(crate) bls: bool,
    pub(crate) chain: u8,
    pub(crate) kind: Kind,
    pub(crate) level: i32,
    pub(crate) round: i32,
    /// Tells messages of one place apart.
    pub(crate) content: u8,
}

/// What has one watermark: key, chain, magic byte.
pub(crate) type Slot = (usize, u8, u8);

/// The networks of the messages.
pub(crate) const CHAINS: [[u8; 4]; 2] = [[0xb3, 0xd7, 0x9f, 0], [0xb3, 0xd7, 0x9f, 1]];

/// Level and round.
pub(crate) type Place = (i32, i32);

impl Message {
    /// Some message near `level`; the last of `keys` keys is a tz4.
    pub(crate) fn any(random: &mut Random, keys: usize, level: i32) -> Self {
        let key = random.index(keys);
        Self {
            key,
            bls: key.saturating_add(1) == keys,
            chain: u8::try_from(random.below(2)).unwrap_or(0),
            kind: KINDS.get(random.index(KINDS.len())).copied().unwrap_or(Kind::Block),
            level: level.saturating_add(i32::try_from(random.below(2)).unwrap_or(0)),
            round: i32::try_from(random.below(2)).unwrap_or(0),
            content: u8::try_from(random.below(3)).unwrap_or(0),
        }
    }

    pub(crate) const fn slot(&self) -> Slot {
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

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.magic()];
        bytes.extend(CHAINS.get(usize::from(self.chain)).copied().unwrap_or_default());
        if self.kind == Kind::Block {
            bytes.extend(self.level.to_be_bytes());
            bytes.push(21);
            bytes.extend([self.content; 32]); // predecessor
            bytes.extend([0, 0, 0, 0, 0x66, 0xaa, 0, 0, 4]); // timestamp, validation pass
            bytes.extend([0x33; 32]); // operations
            bytes.extend([0, 0, 0, 33, 0, 0, 0, 1, 2, 0, 0, 0, 4]);
            bytes.extend(self.level.to_be_bytes());
            bytes.extend([0, 0, 0, 0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4]);
            bytes.extend(self.round.to_be_bytes());
            bytes.extend([0x44; 64]); // context, payload
            bytes.extend([0; 4 + 8 + 2]); // the payload's round, which is not the block's
            return bytes;
        }
        bytes.extend([0; 32]); // branch
        let tag = match (self.kind, self.bls) {
            (Kind::Preattestation, true) => 40,
            (_, true) => 41,
            (Kind::Preattestation, false) => 20,
            (Kind::AttestationWithDal, false) => 23,
            (_, false) => 21,
        };
        bytes.push(tag);
        if !self.bls {
            bytes.extend([0, 7]);
        }
        bytes.extend(self.level.to_be_bytes());
        bytes.extend(self.round.to_be_bytes());
        bytes.extend([self.content; 32]);
        if tag == 23 {
            bytes.push(5);
        }
        bytes
    }
}

/// A payment of `amount` mutez.
pub(crate) fn payment(counter: u64, amount: u64) -> Vec<u8> {
    let mut bytes = vec![0x03];
    bytes.extend([0; 32]); // branch
    bytes.push(108);
    bytes.extend([0; 21]); // from some tz1
    for number in [1000, counter, 1000, 0, amount] {
        natural(&mut bytes, number); // fee, counter, gas, storage, amount
    }
    bytes.extend([0; 22]); // to some tz1
    bytes.push(0); // no parameters
    bytes
}

/// A natural number, seven bits a byte, lowest first.
fn natural(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

/// The body of `POST /keys/{pkh}`.
pub(crate) fn body(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    text
}

//! Consensus messages of few networks, keys, levels, rounds and contents, so that they meet.

use crate::forge;
use crate::random::Random;

#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum ConsensusKind {
    Block,
    Preattestation,
    Attestation,
    AttestationWithDal,
}

pub const KINDS: [ConsensusKind; 4] = [
    ConsensusKind::Block,
    ConsensusKind::Preattestation,
    ConsensusKind::Attestation,
    ConsensusKind::AttestationWithDal,
];

/// The networks of the messages.
pub const CHAINS: [[u8; 4]; 2] = [[0xb3, 0xd7, 0x9f, 0], [0xb3, 0xd7, 0x9f, 1]];

/// A consensus message and the key that shall sign it.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct ConsensusMessage {
    /// Index of the key.
    pub key: usize,
    /// Messages of a tz4 have other tags and no slot.
    pub bls: bool,
    /// Index into [`CHAINS`].
    pub chain: usize,
    pub kind: ConsensusKind,
    pub level: i32,
    pub round: i32,
    /// Tells messages of one level and round apart.
    pub content: u8,
}

/// What has one watermark: key, chain, magic byte. This, and not what the server thinks has one.
pub type WatermarkSlot = (usize, usize, u8);

pub type LevelAndRound = (i32, i32);

impl ConsensusMessage {
    /// Some message near `level`; the last of `keys` keys is a tz4.
    pub fn any(random: &mut Random, keys: usize, level: i32) -> Self {
        let key = random.index(keys);
        Self {
            key,
            bls: key + 1 == keys,
            chain: random.index(CHAINS.len()),
            kind: KINDS[random.index(KINDS.len())],
            level: level + i32::from(random.one_in(2)),
            round: i32::from(random.one_in(2)),
            content: u8::try_from(random.below(3)).unwrap(),
        }
    }

    pub const fn slot(&self) -> WatermarkSlot {
        (self.key, self.chain, self.magic())
    }

    pub const fn level_and_round(&self) -> LevelAndRound {
        (self.level, self.round)
    }

    const fn magic(&self) -> u8 {
        match self.kind {
            ConsensusKind::Block => 0x11,
            ConsensusKind::Preattestation => 0x12,
            ConsensusKind::Attestation | ConsensusKind::AttestationWithDal => 0x13,
        }
    }

    /// The bytes, forged without the decoder's help.
    pub fn bytes(&self) -> Vec<u8> {
        let op = match (self.kind, self.bls) {
            // The round of the payload is not the block's.
            (ConsensusKind::Block, _) => {
                return forge::block_on(CHAINS[self.chain], self.level, self.round, 0, self.content);
            }
            (ConsensusKind::Preattestation, true) => 40,
            (ConsensusKind::Attestation | ConsensusKind::AttestationWithDal, true) => 41,
            (ConsensusKind::Preattestation, false) => 20,
            (ConsensusKind::Attestation, false) => 21,
            (ConsensusKind::AttestationWithDal, false) => 23,
        };
        forge::consensus_on(CHAINS[self.chain], self.magic(), op, self.level, self.round, self.content)
    }

    /// The same, some levels up.
    pub const fn above(mut self, levels: i32) -> Self {
        self.level += levels;
        self
    }
}

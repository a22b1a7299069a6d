//! A small forger of Tezos messages, for what other people's tools cannot make. It shares nothing with the decoder.

pub mod contents;

/// Bytes one behind the other.
#[derive(Clone, Default)]
pub struct Forge(pub Vec<u8>);

/// Starts with a tag or magic byte.
pub fn tag(tag: u8) -> Forge {
    Forge(vec![tag])
}

impl Forge {
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub fn u8(self, value: u8) -> Self {
        self.raw(&[value])
    }

    pub fn u16(self, value: u16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn i32(self, value: i32) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn i64(self, value: i64) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub fn fill(self, byte: u8, count: usize) -> Self {
        self.raw(&vec![byte; count])
    }

    /// Four bytes of length in front.
    pub fn framed(self, inner: &[u8]) -> Self {
        let length = u32::try_from(inner.len()).unwrap();
        self.raw(&length.to_be_bytes()).raw(inner)
    }

    /// A natural number.
    pub fn nat(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        self.u8(u8::try_from(value).unwrap())
    }

    /// A tagged key hash.
    pub fn account(self, curve: u8, byte: u8) -> Self {
        self.u8(curve).fill(byte, 20)
    }

    /// `KT1…`
    pub fn contract(self, byte: u8) -> Self {
        self.u8(1).fill(byte, 20).u8(0)
    }

    /// Source (a tz1 of `AA`), fee 1000, counter 7, gas limit 300, storage limit 0.
    pub fn manager(self) -> Self {
        self.account(0, 0xaa).nat(1000).nat(7).nat(300).nat(0)
    }

    /// As [`Self::manager`], with another storage limit.
    pub fn manager_storing(self, storage_limit: u64) -> Self {
        self.account(0, 0xaa).nat(1000).nat(7).nat(300).nat(storage_limit)
    }

    /// Operations behind magic byte and branch.
    pub fn generic(self) -> Vec<u8> {
        tag(0x03).fill(0, 32).raw(&self.0).0
    }
}

/// A transaction of `amount` to a tz1 of `to`, with parameters or without.
pub fn transaction(amount: u64, to: u8, entrypoint: Option<&[u8]>) -> Forge {
    let forge = tag(108).manager().nat(amount).u8(0).account(0, to);
    match entrypoint {
        None => forge.u8(0),
        Some(entrypoint) => forge.u8(0xff).raw(entrypoint).framed(&UNIT),
    }
}

/// Micheline `Unit`.
pub const UNIT: [u8; 2] = [0x03, 0x0b];

/// The fitness of a block of `level` and `round`.
pub fn fitness(level: i32, locked: Option<i32>, predecessor: i32, round: i32) -> Forge {
    let locked = locked.map(|round| round.to_be_bytes().to_vec()).unwrap_or_default();
    Forge::default()
        .framed(&[2])
        .framed(&level.to_be_bytes())
        .framed(&locked)
        .framed(&(-1 - predecessor).to_be_bytes())
        .framed(&round.to_be_bytes())
}

/// An unsigned block header without magic byte and chain id.
pub fn header(level: i32, payload_round: i32, fitness: &Forge, nonce: bool) -> Forge {
    header_after(0x20, level, payload_round, fitness, nonce)
}

fn header_after(predecessor: u8, level: i32, payload_round: i32, fitness: &Forge, nonce: bool) -> Forge {
    let header =
        Forge::default().i32(level).u8(24).fill(predecessor, 32).i64(1_700_000_000).u8(4).fill(0x21, 32);
    let header = header.framed(&fitness.0).fill(0x22, 32).fill(0x23, 32).i32(payload_round).fill(0x24, 8);
    let header = if nonce { header.u8(0xff).fill(0x25, 32) } else { header.u8(0) };
    header.u8(2)
}

/// The chain id of `NetXo5iVw1vBoxM`.
pub const CHAIN: [u8; 4] = [0xb3, 0xd7, 0x9f, 0x99];

/// A block message.
pub fn block(level: i32, round: i32, payload_round: i32) -> Vec<u8> {
    block_on(CHAIN, level, round, payload_round, 0x20)
}

/// A block message of any chain; `content` tells blocks of one place apart.
pub fn block_on(chain: [u8; 4], level: i32, round: i32, payload_round: i32, content: u8) -> Vec<u8> {
    let header = header_after(content, level, payload_round, &fitness(level, None, 0, round), false);
    tag(0x11).raw(&chain).raw(&header.0).0
}

/// A consensus message: magic byte, tag, level, round; tags 40 and 41 have no slot, tag 23 a DAL part.
pub fn consensus(magic: u8, op: u8, level: i32, round: i32) -> Vec<u8> {
    consensus_on(CHAIN, magic, op, level, round, 0x11)
}

/// As [`consensus`], of any chain; `payload` tells messages of one place apart.
pub fn consensus_on(chain: [u8; 4], magic: u8, op: u8, level: i32, round: i32, payload: u8) -> Vec<u8> {
    let forge = tag(magic).raw(&chain).fill(0, 32).u8(op);
    let forge = if op < 40 { forge.u16(7) } else { forge };
    let forge = forge.i32(level).i32(round).fill(payload, 32);
    if op == 23 { forge.u8(5).0 } else { forge.0 }
}

/// A `failing_noop` with some text.
pub fn noop(text: &str) -> Vec<u8> {
    tag(17).framed(text.as_bytes()).generic()
}

/// An attestation as tz1, tz2 and tz3 sign it.
pub fn attestation(level: i32, round: i32) -> Vec<u8> {
    consensus(0x13, 21, level, round)
}

/// Bytes as clients send them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

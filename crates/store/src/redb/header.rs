//! The two commit slots of a redb file (format 3), as much of them as tells which commit to open.
//!
//! redb keeps two commit slots and one bit that says which is the primary. Every commit of ours has two phases: write
//! pages and the other slot, sync, flip the bit, sync. So in a file that only crashes and power cuts have touched
//!
//! * the primary was synced whole before the bit named it: if it does not verify, the file is **damaged**. redb
//!   would fall back to the older slot for a one-phase commit, and that could be the loss of an acknowledged one;
//! * a secondary that is *newer* belongs to a commit that was never acknowledged. It may be complete or torn, and
//!   either commit may be opened. The newer one, if it verifies, because the flip side of the same picture is one
//!   damaged byte: the bit itself;
//! * a secondary that is *older* is never opened.

//!
//! redb does not publish these offsets. They are those of 4.5, to which `Cargo.toml` pins it; magic and format are checked before they are
//! trusted, and a file that 4.5 wrote is kept beside the tests (`golden.redb`).

use redb::StorageBackend;

use super::error::EngineError;

/// Bytes of the header that redb writes: 64 of its own and two slots.
pub(super) const HEADER_BYTES: usize = 320;

const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";
const FLAGS: usize = 9;
const PRIMARY: u8 = 1;
const TWO_PHASE: u8 = 4;
/// Means something only in redb's modes for several processes, which we never use.
const UNFLUSHED: u8 = 8;
const SLOTS: [usize; 2] = [64, 192];
/// First byte of a slot.
const FORMAT: u8 = 3;
const TRANSACTION_ID: usize = 104;

/// The header's view of the file.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct FileHeader {
    flags: u8,
    transactions: [u64; 2],
}

/// One of the two commit slots.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct HeaderSlot {
    /// The flags byte that makes this slot the primary.
    flags: u8,
    pub(super) transaction: u64,
}

impl FileHeader {
    pub(super) fn read(file: &dyn StorageBackend) -> Result<Self, EngineError> {
        let mut bytes = [0; HEADER_BYTES];
        file.read(0, &mut bytes)?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, EngineError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(EngineError::Damaged("the file is not a store: it does not begin like one".into()));
        }
        // A slot of no known format was torn, or damaged: it is as old as can be.
        let id = |slot: usize| match bytes.get(slot..)?.split_first()? {
            (&FORMAT, _) => {
                bytes.get(slot + TRANSACTION_ID..)?.first_chunk().map(|id| u64::from_le_bytes(*id))
            }
            _ => None,
        };
        let flags = bytes.get(FLAGS).copied().unwrap_or_default();
        let found = SLOTS.map(id);
        let header = Self { flags, transactions: found.map(Option::unwrap_or_default) };
        let [zero, one] = found;
        match if flags & PRIMARY == 0 { zero } else { one } {
            Some(_) => Ok(header),
            None => Err(EngineError::Damaged("the commit slot in use has no known format".into())),
        }
    }

    pub(super) fn primary(self) -> HeaderSlot {
        self.slot(self.flags & PRIMARY)
    }

    pub(super) fn secondary(self) -> HeaderSlot {
        self.slot(self.flags & PRIMARY ^ PRIMARY)
    }

    fn slot(self, number: u8) -> HeaderSlot {
        let [zero, one] = self.transactions;
        let flags = self.flags & !(PRIMARY | UNFLUSHED) | TWO_PHASE | number;
        HeaderSlot { flags, transaction: if number == 0 { zero } else { one } }
    }
}

impl HeaderSlot {
    /// Makes this slot the only one that redb looks at.
    pub(super) fn select(self, file: &dyn StorageBackend) -> std::io::Result<()> {
        file.write(FLAGS as u64, &[self.flags])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden() -> [u8; HEADER_BYTES] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/golden.redb");
        *std::fs::read(path).unwrap().first_chunk().unwrap()
    }

    #[test]
    fn the_offsets_are_those_of_a_file_that_this_version_of_redb_wrote() {
        let header = FileHeader::parse(&golden()).unwrap();
        let (primary, secondary) = (header.primary().transaction, header.secondary().transaction);
        assert_eq!((primary, secondary), (12, 10));
    }

    #[test]
    fn neither_another_magic_nor_another_format_is_trusted() {
        for at in (0..MAGIC.len()).chain([SLOTS[usize::from(golden()[FLAGS] & PRIMARY)]]) {
            let mut bytes = golden();
            bytes[at] ^= 1;
            assert!(matches!(FileHeader::parse(&bytes), Err(EngineError::Damaged(_))), "byte {at}");
        }
        let mut bytes = golden();
        bytes[SLOTS[usize::from(golden()[FLAGS] & PRIMARY ^ PRIMARY)]] = 4;
        assert_eq!(FileHeader::parse(&bytes).unwrap().secondary().transaction, 0, "it is not opened");
    }
}

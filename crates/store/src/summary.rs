//! The summary of all records: what tells that one was removed, put back, or made twice, without the password.
//!
//! The seal of a record says that it is genuine, not that it is the latest, nor that none is missing. So each commit also writes one
//! sealed summary: for each table the number of its records and the sum (XOR) of a keyed hash of each, which is HMAC-SHA-256 of the
//! record's key, version, expiry and seal tag under a subkey of the data key. A commit takes the old records out of the sum and the new
//! ones in, so its cost does not depend on the size of the store.
//!
//! Why this is sound: whoever has no data key knows no hash and, since the summary is sealed under a fresh nonce each time, no sum. Two
//! different sets of records have sums that differ by the XOR of hashes of at least one record that is in one of them only; to the
//! attacker that difference is a uniform 256-bit number, so a set that was not committed fits a given summary with probability 2⁻²⁵⁶. A
//! sum whose value could be seen would be unsound: with enough old records at hand, a set that fits it can be computed (generalised
//! birthday). The seal tag stands for the whole value, which GCM-SIV binds to it; table, key and version are in the seal, too.
//!
//! What it does not cover: all records and the summary put back together, which is an older copy of the whole file (the witness tells that); and
//! the store's own table 0, whose key slots carry their own seal.

use std::collections::BTreeMap;

use crate::{
    seal::Keys,
    sealed::{RecordKey, SealedRecord},
};

/// What is known of the records of each table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Summary(BTreeMap<u8, Tally>);

#[derive(Copy, Clone, Debug, Default)]
struct Tally {
    records: u64,
    sum: [u8; 32],
    /// What the records take. It is counted anew at every opening, and no part of the summary that is written.
    bytes: u64,
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        (self.records, self.sum) == (other.records, other.sum)
    }
}

impl Eq for Tally {}

/// What is said where a store must have a summary and has none that verifies.
pub(crate) const MISSING: &str = "the summary of its records is missing or does not verify";

/// Table ‖ records ‖ sum.
const ENTRY_BYTES: usize = 1 + 8 + 32;

impl Summary {
    /// There is one more record.
    pub(crate) fn add(&mut self, keys: &Keys, key: &RecordKey, record: &SealedRecord) {
        self.change(keys, key, record, u64::wrapping_add);
    }

    /// There is one less.
    pub(crate) fn remove(&mut self, keys: &Keys, key: &RecordKey, record: &SealedRecord) {
        self.change(keys, key, record, u64::wrapping_sub);
    }

    /// What the records of `table` take.
    pub(crate) fn bytes(&self, table: u8) -> u64 {
        self.0.get(&table).map_or(0, |tally| tally.bytes)
    }

    fn change(&mut self, keys: &Keys, key: &RecordKey, record: &SealedRecord, count: fn(u64, u64) -> u64) {
        if key.table() == 0 {
            return;
        }
        let tally = self.0.entry(key.table()).or_default();
        tally.records = count(tally.records, 1);
        tally.bytes = count(tally.bytes, record.bytes(key));
        for (sum, hash) in tally.sum.iter_mut().zip(keys.hash_record(key, record)) {
            *sum ^= hash;
        }
        if *tally == Tally::default() {
            self.0.remove(&key.table());
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * ENTRY_BYTES);
        for (table, tally) in &self.0 {
            bytes.push(*table);
            bytes.extend_from_slice(&tally.records.to_be_bytes());
            bytes.extend_from_slice(&tally.sum);
        }
        bytes
    }

    /// Reads what [`Self::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (entries, rest) = bytes.as_chunks::<ENTRY_BYTES>();
        let entry = |[table, rest @ ..]: &[u8; ENTRY_BYTES]| {
            let (records, sum) = rest.split_first_chunk()?;
            let tally = Tally { records: u64::from_be_bytes(*records), sum: *sum.first_chunk()?, bytes: 0 };
            Some((*table, tally))
        };
        let tables = entries.iter().map(entry).collect::<Option<_>>()?;
        rest.is_empty().then_some(Self(tables))
    }

    /// What does not fit where this was committed and `found` is in the file, one sentence for each table; `name` names tables.
    pub(crate) fn differences(&self, found: &Self, name: impl Fn(u8) -> String) -> Vec<String> {
        let mut tables: Vec<u8> = self.0.keys().chain(found.0.keys()).copied().collect();
        tables.sort_unstable();
        tables.dedup();
        let tally = |of: &Self, table| of.0.get(&table).copied().unwrap_or_default();
        let differing = tables.into_iter().filter_map(|table| {
            let (committed, there) = (tally(self, table), tally(found, table));
            (committed != there).then(|| {
                let what = if committed.records == there.records {
                    "older records were put back, or records exchanged".to_owned()
                } else {
                    format!(
                        "the last commit left {} records and {} are there",
                        committed.records, there.records
                    )
                };
                format!("table {} was changed by another program: {what}", name(table))
            })
        });
        differing.collect()
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::{seal::DataKey, sealed::Version};

    fn keys() -> Keys {
        Keys::derive(&DataKey::from_bytes(Zeroizing::new([7; 32]))).unwrap()
    }

    fn record(keys: &Keys, table: u8, n: u8, version: u64) -> (RecordKey, SealedRecord) {
        let key = RecordKey::compose(table, None, &[n; 16]);
        let record = keys.seal("table", &key, Version(version), 99, &[n]).unwrap();
        (key, record)
    }

    fn of<'r>(keys: &Keys, records: impl IntoIterator<Item = &'r (RecordKey, SealedRecord)>) -> Summary {
        let mut summary = Summary::default();
        records.into_iter().for_each(|(key, record)| summary.add(keys, key, record));
        summary
    }

    #[test]
    fn tells_a_missing_an_older_an_exchanged_and_a_foreign_record_and_names_the_table() {
        let keys = keys();
        let old = record(&keys, 5, 1, 1);
        let kept = [record(&keys, 5, 1, 2), record(&keys, 5, 2, 1), record(&keys, 6, 3, 1)];
        let committed = of(&keys, &kept);
        assert_eq!(committed.differences(&of(&keys, kept.iter().rev()), |_| String::new()), [""; 0]);
        let [a, b, c] = &kept;
        for (found, table) in
            [(vec![b, c], 5), (vec![&old, b, c], 5), (vec![&old, a, b, c], 5), (vec![a, b], 6)]
        {
            let told = committed.differences(&of(&keys, found), |table| table.to_string());
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with(&format!("table {table} was changed")), "{told:?}");
        }
        // A record that was sealed anew with the same value is another one.
        let again = record(&keys, 6, 3, 1);
        assert_ne!(of(&keys, [a, b, &again]), committed);
        let others = Keys::derive(&DataKey::from_bytes(Zeroizing::new([8; 32]))).unwrap();
        assert_ne!(of(&others, &kept), committed);
    }

    #[test]
    fn what_is_removed_again_leaves_no_trace_and_the_stores_own_table_does_not_count() {
        let keys = keys();
        let (key, value) = record(&keys, 5, 1, 1);
        let mut summary = Summary::default();
        summary.add(&keys, &key, &value);
        assert_ne!(summary, Summary::default());
        summary.remove(&keys, &key, &value);
        let (own, value) = record(&keys, 0, 1, 1);
        summary.add(&keys, &own, &value);
        assert_eq!(summary, Summary::default());
    }

    #[test]
    fn reads_back_what_it_wrote_and_refuses_every_cut() {
        let keys = keys();
        let summary = of(&keys, &[record(&keys, 5, 1, 1), record(&keys, 255, 2, 1)]);
        let bytes = summary.encode();
        assert_eq!(Summary::decode(&bytes).as_ref(), Some(&summary));
        assert!(
            (1..bytes.len()).filter(|n| n % ENTRY_BYTES != 0).all(|n| Summary::decode(&bytes[..n]).is_none())
        );
    }
}

//! One watermark as a record of a store.

use jwtis_store::{DecodeError, Record, Table};
use jwtis_tezos::watermark::{Pace, Watermark, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};
use zeroize::Zeroizing;

/// What has a watermark of its own.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct WatermarkId {
    pub(crate) chain: ChainId,
    pub(crate) key: PublicKeyHash,
    pub(crate) kind: WatermarkKind,
}

impl WatermarkId {
    /// The record's name. Hexadecimal, since base58check would cost more than the seal.
    pub(super) fn name(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().map_or('?', char::from);
        let tagged = self.key.to_tagged();
        let mut name = String::with_capacity(2 * (ChainId::LEN + tagged.len()) + 16);
        for byte in self.chain.as_bytes().iter().chain(&tagged) {
            name.push(digit(byte >> 4));
            name.push(digit(byte & 0xf));
        }
        name.push('/');
        name.push_str(self.kind.name());
        name
    }
}

/// One watermark, and what it is the watermark of, since names are kept as hashes.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct WatermarkRecord {
    pub(crate) id: WatermarkId,
    pub(crate) watermark: Watermark,
}

/// First byte of a record without a time: of versions that kept none, and of watermarks that were imported.
const WITHOUT_TIME: u8 = 1;
/// First byte of a record with a time.
const WITH_TIME: u8 = 2;

/// Format ‖ network ‖ tagged key hash ‖ magic byte ‖ level ‖ round ‖ in [`WITH_TIME`]: time of the last signature ‖ latest time ever seen
/// ‖ used part of the allowance, in milliseconds ‖ digest, which may be missing. Numbers are big-endian.
impl Record for WatermarkRecord {
    const TABLE: Table = Table { id: 5, name: "watermarks", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let Self { id, watermark } = self;
        let mut bytes = Zeroizing::new(Vec::with_capacity(91));
        bytes.push(if watermark.pace().is_some() { WITH_TIME } else { WITHOUT_TIME });
        bytes.extend_from_slice(id.chain.as_bytes());
        bytes.extend_from_slice(&id.key.to_tagged());
        bytes.push(magic(id.kind));
        bytes.extend_from_slice(&watermark.level().to_be_bytes());
        bytes.extend_from_slice(&watermark.round().to_be_bytes());
        if let Some((last, latest, used)) = watermark.pace().map(Pace::parts) {
            [last, latest, used].iter().for_each(|part| bytes.extend_from_slice(&part.to_be_bytes()));
        }
        bytes.extend_from_slice(watermark.digest().map_or(&[], |digest| digest.as_slice()));
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut rest = bytes;
        let [format] = take(&mut rest)?;
        if ![WITHOUT_TIME, WITH_TIME].contains(&format) {
            return Err(DecodeError::new("a watermark of an unknown format"));
        }
        let chain = ChainId::new(take(&mut rest)?);
        let key = PublicKeyHash::from_tagged(&take(&mut rest)?);
        let key = key.ok_or_else(|| DecodeError::new("the key is of no curve"))?;
        let [magic_byte] = take(&mut rest)?;
        let kind = WatermarkKind::ALL.into_iter().find(|kind| magic(*kind) == magic_byte);
        let kind = kind.ok_or_else(|| DecodeError::new("the magic byte has no watermark"))?;
        let level = i32::from_be_bytes(take(&mut rest)?);
        let round = i32::from_be_bytes(take(&mut rest)?);
        let pace = if format == WITH_TIME {
            let mut part = || take(&mut rest).map(u64::from_be_bytes);
            Some(Pace::kept(part()?, part()?, part()?))
        } else {
            None
        };
        let digest = if rest.is_empty() { None } else { Some(take(&mut rest)?) };
        if !rest.is_empty() {
            return Err(DecodeError::new("bytes are left over"));
        }
        let watermark = Watermark::new(level, round, digest);
        let watermark = watermark.ok_or_else(|| DecodeError::new("the level or round is negative"))?;
        Ok(Self { id: WatermarkId { chain, key, kind }, watermark: watermark.with_pace(pace) })
    }
}

/// The kind as the first byte of its messages.
const fn magic(kind: WatermarkKind) -> u8 {
    match kind {
        WatermarkKind::Block => 0x11,
        WatermarkKind::Preattestation => 0x12,
        WatermarkKind::Attestation => 0x13,
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (part, tail) =
        rest.split_first_chunk().ok_or_else(|| DecodeError::new("the record ends too early"))?;
    *rest = tail;
    Ok(*part)
}

#[cfg(test)]
mod tests {
    use jwtis_tezos::Curve;

    use super::*;

    fn record(digest: Option<[u8; 32]>) -> WatermarkRecord {
        let key = PublicKeyHash::new(Curve::Bls12381, [7; 20]);
        let id = WatermarkId { chain: ChainId::new([1, 2, 3, 4]), key, kind: WatermarkKind::Preattestation };
        WatermarkRecord { id, watermark: Watermark::new(0x0102_0304, 5, digest).unwrap() }
    }

    #[test]
    fn a_record_reads_back_and_nothing_shorter_or_longer_does() {
        let timed = |WatermarkRecord { id, watermark }| {
            let watermark = watermark.with_pace(Some(Pace::kept(1_800_000_000_000, u64::MAX, 3)));
            WatermarkRecord { id, watermark }
        };
        for (record, digest_at) in [
            (record(None), 35),
            (record(Some([9; 32])), 35),
            (timed(record(None)), 59),
            (timed(record(Some([9; 32]))), 59),
        ] {
            let bytes = record.encode();
            assert_eq!(WatermarkRecord::decode(&bytes).unwrap(), record);
            for length in (0..bytes.len()).filter(|length| *length != digest_at) {
                assert!(WatermarkRecord::decode(&bytes[..length]).is_err(), "{length} bytes");
            }
            assert!(WatermarkRecord::decode(&[&bytes[..], &[0]].concat()).is_err());
        }
    }

    /// As 916b378 and earlier wrote it.
    #[test]
    fn a_record_of_an_older_version_opens_and_its_time_is_unknown() {
        let text = format!("01 01020304 03{} 12 01020304 00000005 {}", "07".repeat(20), "09".repeat(32));
        let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
        let old: Vec<u8> = digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
            .collect();
        let read = WatermarkRecord::decode(&old).unwrap();
        assert_eq!((read.watermark.level(), read.watermark.round()), (0x0102_0304, 5));
        assert_eq!((read.watermark.digest(), read.watermark.pace()), (Some(&[9; 32]), None));
        assert_eq!(read.encode().as_slice(), old, "and is written back as it was");
    }

    #[test]
    fn a_record_of_another_format_curve_kind_or_below_zero_is_none() {
        let bytes = record(None).encode();
        for (at, byte) in [(0, 3), (5, 9), (26, 0x14), (27, 0xff), (31, 0x80)] {
            let mut bytes = bytes.to_vec();
            bytes[at] = byte;
            assert!(WatermarkRecord::decode(&bytes).is_err(), "byte {at}");
        }
    }

    #[test]
    fn names_differ_by_network_key_and_kind() {
        let id = record(None).id;
        assert_eq!(id.name(), format!("0102030403{}/preattestation", "07".repeat(20)));
        let names = [
            id,
            WatermarkId { chain: ChainId::new([0; 4]), ..id },
            WatermarkId { key: PublicKeyHash::new(Curve::Ed25519, [7; 20]), ..id },
            WatermarkId { kind: WatermarkKind::Block, ..id },
        ]
        .map(|id| id.name());
        for (n, name) in names.iter().enumerate() {
            assert!(!names[..n].contains(name));
        }
    }
}

//! Signatory's watermark files as texts (docs/reference/signer-protocol.md). Version 2 is read and written, versions 0 and 1 are read.
//!
//! Each network has one file, and version 2 has one member for each request kind. Signatory keeps two watermarks for tags 21 and 23, and
//! we keep one: reading takes the higher, and writing writes both, so that Signatory can take over again. Names from before the
//! attestation are translated, because nothing would look at them otherwise.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::value::{ChainWatermarks, KeyWatermarks, Watermark, WatermarkKind};
use crate::{PayloadHash, PublicKeyError, PublicKeyHash};

impl ChainWatermarks {
    /// Reads a file of `watermark_v2`.
    ///
    /// # Errors
    /// [`FormatError`]: a watermark that is skipped would be forgotten.
    pub fn parse_v2(text: &str) -> Result<Self, FormatError> {
        let Unique(file): Unique<Unique<WatermarkJson>> = json(text)?;
        let mut watermarks = Self::default();
        for (key, Unique(rows)) in file {
            let key = public_key_hash(&key)?;
            let entry = watermarks.entry(key);
            for (kind, row) in rows {
                entry.raise(to_kind(&kind, &key)?, row.watermark(&key)?);
            }
        }
        Ok(watermarks)
    }

    /// Reads a file of `watermark_v1`: one joint watermark for each key. It counts for all kinds, which may forbid too much and never
    /// too little. Only the kind that was signed last knows its digest.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn parse_v1(text: &str) -> Result<Self, FormatError> {
        let Unique(file): Unique<JointRow> = json(text)?;
        let mut watermarks = Self::default();
        for (key, joint) in file {
            let key = public_key_hash(&key)?;
            let last = match joint.order {
                0 => WatermarkKind::Block,
                1 => WatermarkKind::Preattestation,
                _ => WatermarkKind::Attestation,
            };
            let row = WatermarkJson { level: joint.level, round: joint.round, hash: joint.hash };
            let watermark = row.watermark(&key)?;
            let entry = watermarks.entry(key);
            for kind in WatermarkKind::ALL {
                let digest = watermark.digest.filter(|_| kind == last);
                entry.raise(kind, Watermark { digest, ..watermark });
            }
        }
        Ok(watermarks)
    }

    /// Reads a file of `watermark`, the oldest version: kinds, and keys within.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn parse_v0(text: &str) -> Result<Self, FormatError> {
        let Unique(file): Unique<Unique<WatermarkJson>> = json(text)?;
        let mut watermarks = Self::default();
        for (kind, Unique(rows)) in file {
            for (key, row) in rows {
                let key = public_key_hash(&key)?;
                watermarks.entry(key).raise(to_kind(&kind, &key)?, row.watermark(&key)?);
            }
        }
        Ok(watermarks)
    }
}

/// Prints the file of one network again and again. It remembers the texts of watermarks that stay: of many keys few move at a time, and a
/// base58check text costs more than all the rest.
#[derive(Default, Debug)]
pub struct Printer(BTreeMap<PublicKeyHash, (KeyWatermarks, String)>);

impl Printer {
    /// The text of a file of `watermark_v2`: four spaces of indentation, keys and kinds in order, no newline at the end.
    pub fn print_v2(&mut self, watermarks: &ChainWatermarks) -> String {
        self.0.retain(|key, _| watermarks.get(key).is_some());
        // Base58 texts of one length sort as their bytes do.
        for (key, watermarks) in watermarks.iter() {
            let known = self.0.entry(*key).or_default();
            if known.1.is_empty() || known.0 != *watermarks {
                *known = (*watermarks, member(key, watermarks));
            }
        }
        if self.0.is_empty() {
            return "{}".to_owned();
        }
        let length = self.0.values().map(|(_, text)| text.len().saturating_add(2)).sum();
        let mut file = String::with_capacity(length);
        for (_, text) in self.0.values() {
            file.push_str(if file.is_empty() { "{\n" } else { ",\n" });
            file.push_str(text);
        }
        file.push_str("\n}");
        file
    }
}

/// The member of one key, kinds in alphabetical order. No text in it needs escapes.
fn member(key: &PublicKeyHash, watermarks: &KeyWatermarks) -> String {
    let [attestation, block, preattestation] = WatermarkKind::ALL.map(|kind| watermarks.get(kind).map(row));
    let rows: Vec<String> = [
        ("attestation", &attestation),
        ("attestation_with_dal", &attestation),
        ("block", &block),
        ("preattestation", &preattestation),
    ]
    .into_iter()
    .filter_map(|(name, text)| Some(format!("        \"{name}\": {}", text.as_ref()?)))
    .collect();
    if rows.is_empty() {
        return format!("    \"{key}\": {{}}");
    }
    format!("    \"{key}\": {{\n{}\n    }}", rows.join(",\n"))
}

fn row(watermark: &Watermark) -> String {
    let hash = watermark
        .digest
        .map_or_else(|| "null".to_owned(), |digest| format!("\"{}\"", PayloadHash::new(digest)));
    let Watermark { level, round, .. } = watermark;
    let indent = "            ";
    format!(
        "{{\n{indent}\"level\": {level},\n{indent}\"round\": {round},\n{indent}\"hash\": {hash}\n        }}"
    )
}

fn to_kind(name: &str, key: &PublicKeyHash) -> Result<WatermarkKind, FormatError> {
    match name {
        "block" => Ok(WatermarkKind::Block),
        "preattestation" | "preendorsement" => Ok(WatermarkKind::Preattestation),
        "attestation" | "attestation_with_dal" | "endorsement" => Ok(WatermarkKind::Attestation),
        _ => Err(FormatError::Kind(*key, name.to_owned())),
    }
}

fn public_key_hash(text: &str) -> Result<PublicKeyHash, FormatError> {
    text.parse().map_err(|source| FormatError::Key(text.to_owned(), source))
}

fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, FormatError> {
    serde_json::from_str(text).map_err(|error| FormatError::Json(error.to_string()))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WatermarkJson {
    level: i32,
    #[serde(default)]
    round: i32,
    #[serde(default)]
    hash: Option<String>,
}

impl WatermarkJson {
    fn watermark(&self, key: &PublicKeyHash) -> Result<Watermark, FormatError> {
        let hash =
            |text: &String| text.parse::<PayloadHash>().map_err(|_| FormatError::Hash(*key, text.clone()));
        let digest = self.hash.as_ref().map(hash).transpose()?.map(|hash| *hash.as_bytes());
        Watermark::new(self.level, self.round, digest).ok_or(FormatError::Negative(*key))
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct JointRow {
    level: i32,
    #[serde(default)]
    round: i32,
    order: i64,
    #[serde(default)]
    hash: Option<String>,
}

/// An object whose names are all different. Of two equal ones a reader takes the last, and the other may be the higher watermark.
struct Unique<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Unique<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Members<V> {
            type Value = Unique<V>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique<V>, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, V>()? {
                    if members.contains_key(&name) {
                        return Err(serde::de::Error::custom(format_args!("`{name}` is there twice")));
                    }
                    members.insert(name, value);
                }
                Ok(Unique(members.into_iter().collect()))
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// Why a text is not a watermark file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormatError {
    /// Not JSON, or not of this form.
    #[error("not a watermark file: {0}")]
    Json(String),
    /// A name that is not a key.
    #[error("`{0}` is not a key")]
    Key(String, #[source] PublicKeyError),
    /// A request kind that has no watermark.
    #[error("{0} has a watermark of the unknown kind `{1}`")]
    Kind(PublicKeyHash, String),
    /// A level or round below zero.
    #[error("{0} has a watermark with a negative level or round")]
    Negative(PublicKeyHash),
    /// A text that is not a digest.
    #[error("{0} has a watermark with the hash `{1}`, which is not one")]
    Hash(PublicKeyHash, String),
}

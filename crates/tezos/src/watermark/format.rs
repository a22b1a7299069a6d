//! Signatory's watermark files as texts, one file for each network: version 2 both ways, versions 0 and 1 to read
//! (specification 5.2, 5.3).
//!
//! Version 2 has one member for each request kind. Tags 21 and 23 have one mark here and two names there: reading takes the
//! higher, and both are written, so that Signatory may take over again at any time. Names from before the attestation are
//! translated, since nothing would look at them otherwise.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::{KeyMarks, Mark, WatermarkKind};
use crate::{KeyError, PayloadHash, PublicKeyHash};

/// The marks of one network.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ChainMarks(BTreeMap<PublicKeyHash, KeyMarks>);

impl ChainMarks {
    /// The marks of `key`.
    #[must_use]
    pub fn get(&self, key: &PublicKeyHash) -> Option<&KeyMarks> {
        self.0.get(key)
    }

    /// The marks of `key`, to change them.
    pub fn entry(&mut self, key: PublicKeyHash) -> &mut KeyMarks {
        self.0.entry(key).or_default()
    }

    /// All keys and their marks.
    pub fn iter(&self) -> impl Iterator<Item = (&PublicKeyHash, &KeyMarks)> {
        self.0.iter()
    }

    /// Raises every mark to at least that of `other`.
    pub fn join(&mut self, other: &Self) {
        for (key, marks) in &other.0 {
            self.entry(*key).join(marks);
        }
    }

    /// Reads a file of `watermark_v2`.
    ///
    /// # Errors
    /// [`FormatError`]: a mark that is passed over would be a mark that is forgotten.
    pub fn parse_v2(text: &str) -> Result<Self, FormatError> {
        let Unique(file): Unique<Unique<StoredMark>> = json(text)?;
        let mut marks = Self::default();
        for (key, Unique(rows)) in file {
            let key = public_key_hash(&key)?;
            let entry = marks.entry(key);
            for (kind, row) in rows {
                entry.raise(to_kind(&kind, &key)?, row.mark(&key)?);
            }
        }
        Ok(marks)
    }

    /// Reads a file of `watermark_v1`: one joint mark for each key. It is taken for all kinds, which forbids too much once
    /// and never too little; only the kind that was signed last knows its digest.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn parse_v1(text: &str) -> Result<Self, FormatError> {
        let Unique(file): Unique<JointRow> = json(text)?;
        let mut marks = Self::default();
        for (key, joint) in file {
            let key = public_key_hash(&key)?;
            let last = match joint.order {
                0 => WatermarkKind::Block,
                1 => WatermarkKind::Preattestation,
                _ => WatermarkKind::Attestation,
            };
            let row = StoredMark { level: joint.level, round: joint.round, hash: joint.hash };
            let mark = row.mark(&key)?;
            let entry = marks.entry(key);
            for kind in WatermarkKind::ALL {
                let digest = mark.digest.filter(|_| kind == last);
                entry.raise(kind, Mark { digest, ..mark });
            }
        }
        Ok(marks)
    }

    /// Reads a file of `watermark`, which was before there were versions: kinds, and keys within.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn parse_v0(text: &str) -> Result<Self, FormatError> {
        let Unique(file): Unique<Unique<StoredMark>> = json(text)?;
        let mut marks = Self::default();
        for (kind, Unique(rows)) in file {
            for (key, row) in rows {
                let key = public_key_hash(&key)?;
                marks.entry(key).raise(to_kind(&kind, &key)?, row.mark(&key)?);
            }
        }
        Ok(marks)
    }

    /// The text of a file of `watermark_v2`: four spaces of indentation, keys and kinds in order, no newline at the end.
    ///
    /// # Errors
    /// None in practice: texts and numbers can always be written.
    pub fn print_v2(&self) -> Result<String, FormatError> {
        Ok(Printer::default().print_v2(self))
    }
}

/// Prints the file of one network again and again, and remembers the texts of marks that stay: of many keys, few move at a time, and a
/// base58check text costs more than all the rest.
#[derive(Default, Debug)]
pub struct Printer(BTreeMap<PublicKeyHash, (KeyMarks, String)>);

impl Printer {
    /// As [`ChainMarks::print_v2`].
    #[must_use]
    pub fn print_v2(&mut self, marks: &ChainMarks) -> String {
        self.0.retain(|key, _| marks.get(key).is_some());
        // Base58 texts of one length sort as their bytes do.
        for (key, marks) in marks.iter() {
            let known = self.0.entry(*key).or_default();
            if known.1.is_empty() || known.0 != *marks {
                *known = (*marks, member(key, marks));
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

impl FromIterator<(PublicKeyHash, KeyMarks)> for ChainMarks {
    fn from_iter<I: IntoIterator<Item = (PublicKeyHash, KeyMarks)>>(marks: I) -> Self {
        Self(marks.into_iter().collect())
    }
}

/// The member of one key, kinds in alphabetical order. No text in it needs escapes.
fn member(key: &PublicKeyHash, marks: &KeyMarks) -> String {
    let texts = WatermarkKind::ALL.map(|kind| (kind, marks.get(kind).map(row)));
    let rows: Vec<String> = [
        ("attestation", WatermarkKind::Attestation),
        ("attestation_with_dal", WatermarkKind::Attestation),
        ("block", WatermarkKind::Block),
        ("preattestation", WatermarkKind::Preattestation),
    ]
    .into_iter()
    .filter_map(|(name, kind)| {
        let (_, text) = texts.iter().find(|(of, _)| *of == kind)?;
        Some(format!("        \"{name}\": {}", text.as_ref()?))
    })
    .collect();
    if rows.is_empty() {
        return format!("    \"{key}\": {{}}");
    }
    format!("    \"{key}\": {{\n{}\n    }}", rows.join(",\n"))
}

fn row(mark: &Mark) -> String {
    let hash =
        mark.digest.map_or_else(|| "null".to_owned(), |digest| format!("\"{}\"", PayloadHash::new(digest)));
    let Mark { level, round, .. } = mark;
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
        _ => Err(FormatError::Kind { key: key.to_string(), kind: name.to_owned() }),
    }
}

fn public_key_hash(text: &str) -> Result<PublicKeyHash, FormatError> {
    text.parse().map_err(|source| FormatError::Key { text: text.to_owned(), source })
}

fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, FormatError> {
    serde_json::from_str(text).map_err(|error| FormatError::Json(error.to_string()))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredMark {
    level: i32,
    #[serde(default)]
    round: i32,
    #[serde(default)]
    hash: Option<String>,
}

impl StoredMark {
    fn mark(&self, key: &PublicKeyHash) -> Result<Mark, FormatError> {
        let digest = match self.hash.as_deref() {
            None => None,
            Some(text) => {
                let hash: Result<PayloadHash, _> = text.parse();
                let hash =
                    hash.map_err(|_| FormatError::Hash { key: key.to_string(), text: text.to_owned() })?;
                Some(*hash.as_bytes())
            }
        };
        Mark::new(self.level, self.round, digest)
            .ok_or_else(|| FormatError::Negative { key: key.to_string() })
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

/// An object whose names are all different. Of two equal ones a reader takes the last, and the other may be the higher mark.
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
    /// A name that is no key.
    #[error("`{text}` is not a key")]
    Key {
        /// The name.
        text: String,
        /// Why not.
        source: KeyError,
    },
    /// A request kind that has no mark.
    #[error("{key} has a mark of the unknown kind `{kind}`")]
    Kind {
        /// The key.
        key: String,
        /// The kind.
        kind: String,
    },
    /// A level or round below zero.
    #[error("{key} has a mark with a negative level or round")]
    Negative {
        /// The key.
        key: String,
    },
    /// A digest that is none.
    #[error("{key} has a mark with the hash `{text}`, which is not one")]
    Hash {
        /// The key.
        key: String,
        /// The text.
        text: String,
    },
}

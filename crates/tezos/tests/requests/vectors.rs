//! The recorded operations: `tests/vectors/operations-*.json`.
#![allow(dead_code, reason = "each test crate uses its own part")]

use serde_json::Value;

/// A message that another forger made, and what it was made of.
pub(crate) struct Vector {
    /// The forger and the name in its file.
    pub(crate) name: String,
    /// The message with its magic byte.
    pub(crate) message: Vec<u8>,
    /// The kinds of its operations, in Signatory's words.
    pub(crate) kinds: Vec<String>,
    /// What the forger was given; not recorded of large batches.
    pub(crate) contents: Vec<Value>,
}

/// All of them, by both forgers.
pub(crate) fn all() -> Vec<Vector> {
    ["taquito", "pytezos"].into_iter().flat_map(of).collect()
}

/// Those of one forger.
pub(crate) fn of(forger: &str) -> Vec<Vector> {
    let path = format!("{}/tests/vectors/operations-{forger}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rows = file["operations"].as_array().unwrap();
    rows.iter().map(|row| vector(forger, row, rows)).collect()
}

fn vector(forger: &str, row: &Value, rows: &[Value]) -> Vector {
    let contents = row["contents"].as_array().cloned().unwrap_or_default();
    let kinds = if let Some(names) = row["of"].as_array() {
        // A batch of the operations that stand alone in the rows of these names.
        let alone =
            |name: &Value| rows.iter().find(|row| row["name"] == *name).unwrap()["contents"][0].clone();
        names.iter().map(|name| kind(&alone(name))).collect()
    } else if let Some(turns) = row["kinds"].as_array() {
        let count = usize::try_from(row["count"].as_u64().unwrap()).unwrap();
        turns.iter().cycle().take(count).map(|kind| kind.as_str().unwrap().to_owned()).collect()
    } else {
        contents.iter().map(kind).collect()
    };
    Vector {
        name: format!("{forger}: {}", row["name"].as_str().unwrap()),
        message: hex(row["message"].as_str().unwrap()),
        kinds,
        contents,
    }
}

/// The kind of what was forged. Only a transaction can have another name here than there.
fn kind(content: &Value) -> String {
    let entrypoint = content["parameters"]["entrypoint"].as_str().unwrap_or_default();
    let staking = ["stake", "unstake", "finalize_unstake", "set_delegate_parameters"].contains(&entrypoint);
    if staking && content["source"] == content["destination"] {
        return entrypoint.to_owned();
    }
    content["kind"].as_str().unwrap().to_owned()
}

/// Bytes of hexadecimal.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    assert!(digits.len().is_multiple_of(2), "{text}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

//! What the targets start from: the vectors of the tests, taken apart.

use serde_json::Value;

/// The vector files of `crates/jose` and `crates/tezos`.
const FILES: &[&str] = &[
    include_str!("../../../crates/jose/tests/vectors/keys.json"),
    include_str!("../../../crates/jose/tests/vectors/rfc7515.json"),
    include_str!("../../../crates/jose/tests/vectors/rfc7516.json"),
    include_str!("../../../crates/jose/tests/vectors/rfc7517.json"),
    include_str!("../../../crates/jose/tests/vectors/rfc7518.json"),
    include_str!("../../../crates/jose/tests/vectors/rfc7519.json"),
    include_str!("../../../crates/jose/tests/vectors/rfc7520.json"),
    include_str!("../../../crates/jose/tests/vectors/rfc7638.json"),
    include_str!("../../../crates/jose/tests/vectors/rfc8037.json"),
    include_str!("../../../crates/tezos/tests/vectors/keys-pytezos.json"),
    include_str!("../../../crates/tezos/tests/vectors/keys-taquito.json"),
    include_str!("../../../crates/tezos/tests/vectors/operations-pytezos.json"),
    include_str!("../../../crates/tezos/tests/vectors/operations-taquito.json"),
];

/// Every value in every vector file, leaves and branches.
pub fn values() -> Vec<Value> {
    let mut found = Vec::new();
    let mut open: Vec<Value> = FILES.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    while let Some(value) = open.pop() {
        match &value {
            Value::Array(items) => open.extend(items.iter().cloned()),
            Value::Object(members) => open.extend(members.values().cloned()),
            _ => {}
        }
        found.push(value);
    }
    found
}

/// Every text in the vector files that passes.
pub fn texts(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let texts = values().into_iter().filter_map(|value| value.as_str().map(str::to_owned));
    let mut texts: Vec<String> = texts.filter(|text| wanted(text)).collect();
    texts.sort();
    texts.dedup();
    texts
}

/// The document of this name in the test keys of `crates/jose`: `pkcs8_pem` and `jwk`.
pub fn key(name: &str) -> Value {
    let keys: Value = serde_json::from_str(FILES[0]).unwrap();
    keys[name].clone()
}

/// All test keys of `crates/jose`.
pub fn keys() -> Vec<Value> {
    let keys: Value = serde_json::from_str(FILES[0]).unwrap();
    keys.as_object().unwrap().values().cloned().collect()
}

pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    })
}

pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn bytes(texts: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Vec<Vec<u8>> {
    texts.into_iter().map(Into::into).collect()
}

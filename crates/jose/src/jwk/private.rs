//! Private keys as JSON, RFC 7518 §6.2.2 (EC), §6.3.2 (RSA) and RFC 8037 §2 (OKP). The text that was read is wiped.

use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use super::members::{MAX_JWK_BYTES, MAX_JWK_DEPTH, required};
use super::{Jwk, KeyError, Parameters, checks};
use crate::{base64url, json};

/// The private members of a key.
pub(crate) enum Secret {
    /// `d` of EC and OKP: big-endian on a NIST curve, the seed or scalar of RFC 8032 and RFC 7748 otherwise.
    Scalar(Zeroizing<Vec<u8>>),
    /// In the order of [`RSA_MEMBERS`], big-endian.
    Rsa([Zeroizing<Vec<u8>>; 6]),
}

/// RFC 7518 §6.3.2; the order is that of RFC 8017 §A.1.2.
const RSA_MEMBERS: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

/// A private JWK, parsed: its public half is checked, that the halves belong together is not yet.
pub(crate) struct PrivateJwk {
    pub(crate) jwk: Jwk,
    pub(crate) secret: Secret,
}

/// The operation that a private key is read for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum KeyOperation {
    /// To make signatures.
    Sign,
    /// To find the content key of a token: by decryption with RSA, by agreement with a curve.
    Decrypt,
}

impl PrivateJwk {
    /// Reads a private JWK for `operation`, which its `key_ops` must not leave out.
    pub(crate) fn parse(json: &[u8], operation: KeyOperation) -> Result<Self, KeyError> {
        if json.len() > MAX_JWK_BYTES {
            return Err(KeyError::TooLong(MAX_JWK_BYTES));
        }
        let document = Wiped(json::parse(json, MAX_JWK_DEPTH)?);
        let Value::Object(members) = &document.0 else {
            return Err(KeyError::NotAnObject);
        };

        let jwk = Jwk::read(members)?;
        jwk.parameters().check()?;
        permit(members, operation, jwk.parameters())?;
        let secret = match jwk.parameters() {
            Parameters::Rsa { .. } => rsa_secret(members)?,
            Parameters::Curve { curve, .. } => {
                let scalar = secret(members, "d")?;
                let (expected, found) = (curve.coordinate_len(), scalar.len());
                if found != expected {
                    return Err(KeyError::WrongLength { member: "d", expected, found });
                }
                Secret::Scalar(scalar)
            }
        };
        Ok(Self { jwk, secret })
    }

    /// Writes a private JWK: the public members, then the private ones.
    pub(crate) fn to_json(jwk: &Jwk, secret: &Secret) -> Zeroizing<String> {
        let members: Vec<(&str, &[u8])> = match secret {
            Secret::Scalar(scalar) => vec![("d", scalar)],
            Secret::Rsa(members) => {
                RSA_MEMBERS.into_iter().zip(members).map(|(name, bytes)| (name, bytes.as_slice())).collect()
            }
        };
        let public = jwk.to_json();

        // The capacity is exact, so that no half-written copy stays behind on the heap.
        let length =
            |(name, bytes): &(&str, &[u8])| base64url::encoded_len(bytes.len()).saturating_add(name.len());
        let secret_len: usize = members.iter().map(|member| length(member).saturating_add(6)).sum();
        let mut json = Zeroizing::new(String::with_capacity(public.len().saturating_add(secret_len)));
        json.push_str(public.strip_suffix('}').unwrap_or(&public));
        for (name, bytes) in members {
            json.push_str(",\"");
            json.push_str(name);
            json.push_str("\":\"");
            base64url::encode_append(bytes, &mut json);
            json.push('"');
        }
        json.push('}');
        json
    }
}

/// RFC 7517 §4.3. A key without `key_ops` may do what its `use` and `alg` allow.
fn permit(
    members: &Map<String, Value>,
    operation: KeyOperation,
    parameters: &Parameters,
) -> Result<(), KeyError> {
    let Some(operations) = checks::operations(members)? else { return Ok(()) };
    let (named, needed): (&[&str], _) = match (operation, parameters) {
        (KeyOperation::Sign, _) => (&["sign"], "\"sign\""),
        (KeyOperation::Decrypt, Parameters::Rsa { .. }) => {
            (&["decrypt", "unwrapKey"], "\"decrypt\" or \"unwrapKey\"")
        }
        (KeyOperation::Decrypt, Parameters::Curve { .. }) => {
            (&["deriveKey", "deriveBits"], "\"deriveKey\" or \"deriveBits\"")
        }
    };
    let permitted = operations.iter().any(|operation| named.contains(operation));
    if permitted { Ok(()) } else { Err(KeyError::KeyOpMissing(needed)) }
}

fn rsa_secret(members: &Map<String, Value>) -> Result<Secret, KeyError> {
    if members.contains_key("oth") {
        return Err(KeyError::MultiPrime);
    }
    let [d, p, q, dp, dq, qi] = RSA_MEMBERS.map(|member| secret(members, member));
    Ok(Secret::Rsa([d?, p?, q?, dp?, dq?, qi?]))
}

fn secret(members: &Map<String, Value>, member: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    base64url::decode_secret(required(members, member)?).map_err(|source| KeyError::Base64(member, source))
}

/// A document with secrets in it; its texts are overwritten when it goes.
struct Wiped(Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

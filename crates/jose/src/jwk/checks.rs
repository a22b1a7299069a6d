//! Keys that look like keys and protect nothing, and members that contradict each other.

use p256::elliptic_curve::bigint::{Encoding as _, U256};
use serde_json::{Map, Value};

use super::KeyError;
use super::members::{KeyUse, text};

/// The purpose of a key, from `use` and `key_ops` (RFC 7517 §4.2, §4.3).
pub(super) fn key_use(members: &Map<String, Value>) -> Result<Option<KeyUse>, KeyError> {
    let stated = match text(members, "use")? {
        None => None,
        Some("sig") => Some(KeyUse::Signature),
        Some("enc") => Some(KeyUse::Encryption),
        Some(_) => return Err(KeyError::UnknownUse),
    };
    match (stated, purpose_of_operations(members)?) {
        (None, other) | (other, None) => Ok(other),
        (Some(stated), Some(implied)) if stated == implied => Ok(Some(stated)),
        (Some(_), Some(_)) => Err(KeyError::KeyOpsContradict),
    }
}

/// The values of `key_ops`, each once (RFC 7517 §4.3); `None` where the key does not say.
pub(super) fn operations(members: &Map<String, Value>) -> Result<Option<Vec<&str>>, KeyError> {
    const WRONG_TYPE: KeyError = KeyError::WrongType("key_ops", "an array of strings");
    let values = match members.get("key_ops") {
        None => return Ok(None),
        Some(Value::Array(values)) => values,
        Some(_) => return Err(WRONG_TYPE),
    };
    let mut operations = Vec::with_capacity(values.len());
    for value in values {
        let operation = value.as_str().ok_or(WRONG_TYPE)?;
        if operations.contains(&operation) {
            return Err(KeyError::DuplicateKeyOp(operation.chars().take(100).collect()));
        }
        operations.push(operation);
    }
    Ok(Some(operations))
}

fn purpose_of_operations(members: &Map<String, Value>) -> Result<Option<KeyUse>, KeyError> {
    let mut purpose = None;
    for operation in operations(members)?.unwrap_or_default() {
        // Operations that no key of ours performs say nothing about it.
        let Some((_, implied)) = OPERATIONS.iter().find(|(name, _)| *name == operation) else { continue };
        if purpose.replace(*implied).is_some_and(|earlier| earlier != *implied) {
            return Err(KeyError::KeyOpsContradict);
        }
    }
    Ok(purpose)
}

const OPERATIONS: &[(&str, KeyUse)] = &[
    ("sign", KeyUse::Signature),
    ("verify", KeyUse::Signature),
    ("encrypt", KeyUse::Encryption),
    ("decrypt", KeyUse::Encryption),
    ("wrapKey", KeyUse::Encryption),
    ("unwrapKey", KeyUse::Encryption),
    ("deriveKey", KeyUse::Encryption),
    ("deriveBits", KeyUse::Encryption),
];

/// Sizes (RFC 7518 §3.3), the exponent (FIPS 186-5 §A.1.1) and the ROCA fingerprint. `n` and `e` have no leading zeros.
pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let bits = bit_len(n);
    if !(2048..=8192).contains(&bits) {
        return Err(KeyError::RsaModulusSize(bits));
    }
    if n.last().is_none_or(|last| last % 2 == 0) {
        return Err(KeyError::RsaModulusEven);
    }
    // AWS-LC takes exponents of up to 33 bits: five bytes, the first of them 1.
    let value = match e {
        [_] | [_, _] | [_, _, _] | [_, _, _, _] | [1, _, _, _, _] => {
            e.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte))
        }
        _ => return Err(KeyError::RsaExponent),
    };
    if value < 65_537 || value % 2 == 0 {
        return Err(KeyError::RsaExponent);
    }
    if has_roca_fingerprint(n) { Err(KeyError::Roca) } else { Ok(()) }
}

/// Bits of a big-endian integer.
pub(super) fn bit_len(integer: &[u8]) -> usize {
    let mut significant = integer.iter().skip_while(|byte| **byte == 0);
    match significant.next() {
        None => 0,
        Some(first) => {
            let bits_of_first = 8_usize.saturating_sub(first.leading_zeros() as usize);
            significant.count().saturating_mul(8).saturating_add(bits_of_first)
        }
    }
}

/// The faulty library chose primes as `k·M + 65537^a mod M`, with `M` the product of the first primes: modulo each of
/// them the modulus is a power of 65537, which random moduli are for all of them once in 2^27 (Nemec et al., "The Return
/// of Coppersmith's Attack", CCS 2017, §2).
fn has_roca_fingerprint(n: &[u8]) -> bool {
    SMALL_PRIMES.iter().all(|prime| is_power_of_65537(remainder(n, *prime), *prime))
}

/// The odd primes up to 167 whose group 65537 does not generate; the others tell nothing.
const SMALL_PRIMES: &[u32] = &[11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

fn remainder(n: &[u8], prime: u32) -> u32 {
    n.iter().fold(0_u32, |rest, byte| ((rest << 8) | u32::from(*byte)) % prime)
}

fn is_power_of_65537(residue: u32, prime: u32) -> bool {
    let generator = 65_537 % prime;
    let powers = std::iter::successors(Some(1_u32), |power| Some(power.wrapping_mul(generator) % prime));
    powers.take(prime as usize).any(|power| power == residue)
}

/// Refuses the points of small order, under which a signature says nothing about the message, and encodings of a coordinate beyond the
/// field, which give one key two thumbprints (RFC 8032 §5.1.3). A coordinate off the curve shows later: every signature fails.
pub(super) fn ed25519(point: &[u8]) -> Result<(), KeyError> {
    /// The y coordinates of the points of small order.
    const SMALL_ORDER: [U256; 5] = [
        U256::ZERO,
        U256::ONE,
        U256::from_be_hex("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"),
        U256::from_be_hex("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"),
        U256::from_be_hex("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"),
    ];
    let y = coordinate(point).filter(|y| *y < FIELD_25519).ok_or(KeyError::PointNotOnCurve("Ed25519"))?;
    if SMALL_ORDER.contains(&y) { Err(KeyError::SmallOrderPoint("Ed25519")) } else { Ok(()) }
}

/// Refuses the points that make the shared secret zero (RFC 7748 §6.1), in every encoding.
pub(crate) fn x25519(point: &[u8]) -> Result<(), KeyError> {
    const SMALL_ORDER: [U256; 7] = [
        U256::ZERO,
        U256::ONE,
        U256::from_be_hex("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"),
        FIELD_25519,
        U256::from_be_hex("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffee"),
        U256::from_be_hex("00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0"),
        U256::from_be_hex("57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5f"),
    ];
    let u = coordinate(point).ok_or(KeyError::PointNotOnCurve("X25519"))?;
    if SMALL_ORDER.contains(&u) { Err(KeyError::SmallOrderPoint("X25519")) } else { Ok(()) }
}

/// 2^255 - 19.
const FIELD_25519: U256 =
    U256::from_be_hex("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");

/// A little-endian coordinate; the top bit is no part of it.
fn coordinate(point: &[u8]) -> Option<U256> {
    let mut coordinate: [u8; 32] = point.try_into().ok()?;
    coordinate[31] &= 0x7f;
    Some(U256::from_le_bytes(coordinate.into()))
}

//! Keys that look like keys and protect nothing, and members that contradict each other.

use serde_json::{Map, Value};

use super::KeyError;
use super::members::{KeyUse, text};

/// What a key is for, from `use` and `key_ops` (RFC 7517 §4.2, §4.3).
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
    const WRONG_TYPE: KeyError = KeyError::WrongType { member: "key_ops", expected: "an array of strings" };
    let values = match members.get("key_ops") {
        None => return Ok(None),
        Some(Value::Array(values)) => values,
        Some(_) => return Err(WRONG_TYPE),
    };
    let mut operations = Vec::with_capacity(values.len());
    for value in values {
        let operation = value.as_str().ok_or(WRONG_TYPE)?;
        if operations.contains(&operation) {
            return Err(KeyError::DuplicateKeyOp { operation: operation.chars().take(100).collect() });
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
        return Err(KeyError::RsaModulusSize { bits });
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

/// Refuses the points of small order, under which a signature says nothing about the message, and encodings of a
/// coordinate beyond the field, which give one key two thumbprints (RFC 8032 §5.1.3). Whether the coordinate is on the
/// curve shows when a signature is verified: every one fails.
pub(super) fn ed25519(point: &[u8]) -> Result<(), KeyError> {
    let y = without_top_bit(point).ok_or(KeyError::PointNotOnCurve { curve: "Ed25519" })?;
    if y >= FIELD_25519 {
        return Err(KeyError::PointNotOnCurve { curve: "Ed25519" });
    }
    let small_order = [ZERO, ONE, MINUS_ONE, ED25519_ORDER_8_A, ED25519_ORDER_8_B];
    if small_order.contains(&y) { Err(KeyError::SmallOrderPoint { curve: "Ed25519" }) } else { Ok(()) }
}

/// Refuses the points that make the shared secret zero (RFC 7748 §6.1), in every encoding.
pub(crate) fn x25519(point: &[u8]) -> Result<(), KeyError> {
    let u = without_top_bit(point).ok_or(KeyError::PointNotOnCurve { curve: "X25519" })?;
    let small_order =
        [ZERO, ONE, MINUS_ONE, FIELD_25519, FIELD_25519_PLUS_ONE, X25519_ORDER_8_A, X25519_ORDER_8_B];
    if small_order.contains(&u) { Err(KeyError::SmallOrderPoint { curve: "X25519" }) } else { Ok(()) }
}

/// A little-endian coordinate as a big-endian one, so that arrays compare as numbers; the top bit is no part of it.
fn without_top_bit(point: &[u8]) -> Option<[u8; 32]> {
    let mut coordinate: [u8; 32] = point.try_into().ok()?;
    coordinate.reverse();
    if let Some(top) = coordinate.first_mut() {
        *top &= 0x7f;
    }
    Some(coordinate)
}

/// `2^255 - 1 - complement`, big-endian: the numbers at the top of the field.
const fn below_2_255(complement: u8) -> [u8; 32] {
    let mut number = [0xff; 32];
    let [top, .., bottom] = &mut number;
    *top = 0x7f;
    *bottom = 0xff - complement;
    number
}

const fn small(value: u8) -> [u8; 32] {
    let mut number = [0; 32];
    let [.., bottom] = &mut number;
    *bottom = value;
    number
}

const ZERO: [u8; 32] = small(0);
const ONE: [u8; 32] = small(1);
/// 2^255 - 19.
const FIELD_25519: [u8; 32] = below_2_255(18);
const FIELD_25519_PLUS_ONE: [u8; 32] = below_2_255(17);
const MINUS_ONE: [u8; 32] = below_2_255(19);
/// The y coordinates of the four points of order 8; each is the negative of the other.
const ED25519_ORDER_8_A: [u8; 32] = [
    0x05, 0xfc, 0x53, 0x6d, 0x88, 0x02, 0x38, 0xb1, 0x39, 0x33, 0xc6, 0xd3, 0x05, 0xac, 0xdf, 0xd5, 0xf0,
    0x98, 0xef, 0xf2, 0x89, 0xf4, 0xc3, 0x45, 0xb0, 0x27, 0xb2, 0xc2, 0x8f, 0x95, 0xe8, 0x26,
];
const ED25519_ORDER_8_B: [u8; 32] = [
    0x7a, 0x03, 0xac, 0x92, 0x77, 0xfd, 0xc7, 0x4e, 0xc6, 0xcc, 0x39, 0x2c, 0xfa, 0x53, 0x20, 0x2a, 0x0f,
    0x67, 0x10, 0x0d, 0x76, 0x0b, 0x3c, 0xba, 0x4f, 0xd8, 0x4d, 0x3d, 0x70, 0x6a, 0x17, 0xc7,
];
const X25519_ORDER_8_A: [u8; 32] = [
    0x00, 0xb8, 0x49, 0x5f, 0x16, 0x05, 0x62, 0x86, 0xfd, 0xb1, 0x32, 0x9c, 0xeb, 0x8d, 0x09, 0xda, 0x6a,
    0xc4, 0x9f, 0xf1, 0xfa, 0xe3, 0x56, 0x16, 0xae, 0xb8, 0x41, 0x3b, 0x7c, 0x7a, 0xeb, 0xe0,
];
const X25519_ORDER_8_B: [u8; 32] = [
    0x57, 0x11, 0x9f, 0xd0, 0xdd, 0x4e, 0x22, 0xd8, 0x86, 0x8e, 0x1c, 0x58, 0xc4, 0x5c, 0x44, 0x04, 0x5b,
    0xef, 0x83, 0x9c, 0x55, 0xb1, 0xd0, 0xb1, 0x24, 0x8c, 0x50, 0xa3, 0xbc, 0x95, 0x9c, 0x5f,
];

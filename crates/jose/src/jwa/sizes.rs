//! Sizes that a generated key can have.

use aws_lc_rs::rsa::KeySize;

/// A key size that the algorithm does not have.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{alg} {uses}: bits must be {}, not {bits}", one_of(.possible))]
pub struct BitsError {
    alg: &'static str,
    uses: &'static str,
    possible: &'static [u32],
    bits: u32,
}

/// Larger RSA keys can be imported, up to 8192 bits.
pub(super) const RSA_BITS: &[u32] = &[2048, 3072, 4096];

/// `bits` has been checked.
pub(crate) const fn rsa_key_size(bits: u32) -> KeySize {
    match bits {
        ..=2048 => KeySize::Rsa2048,
        2049..=3072 => KeySize::Rsa3072,
        _ => KeySize::Rsa4096,
    }
}

pub(super) fn check_bits(
    alg: &'static str,
    uses: &'static str,
    possible: &'static [u32],
    bits: u32,
) -> Result<(), BitsError> {
    if possible.contains(&bits) { Ok(()) } else { Err(BitsError { alg, uses, possible, bits }) }
}

/// `521`; `2048, 3072 or 4096`.
fn one_of(sizes: &[u32]) -> String {
    match sizes.split_last() {
        None => String::new(),
        Some((last, [])) => last.to_string(),
        Some((last, others)) => {
            let others: Vec<String> = others.iter().map(u32::to_string).collect();
            format!("{} or {last}", others.join(", "))
        }
    }
}

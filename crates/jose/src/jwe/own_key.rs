//! ECDH-ES to oneself, on P-256 (RFC 7518 §4.6).
//!
//! A sender knows the ephemeral scalar *e* and the recipient's point *dG*, and computes *e(dG)*: a multiplication of a point that the
//! library has never seen. A sender that encrypts to its own key also knows *d*, and gets the same point as *(ed)G*: a product of two numbers,
//! and a multiplication of the generator, for which the library has tables. That takes half of the time (`docs/reference/performance.md`).
//!
//! Nothing here branches or looks up by a secret: the product is `p256`'s in constant time, the multiplication AWS-LC's.

use std::fmt;

use aws_lc_rs::{
    agreement::{ECDH_P256, PrivateKey},
    encoding::{AsBigEndian, EcPrivateKeyBin},
    error::Unspecified,
};
use p256::{NonZeroScalar, elliptic_curve::PrimeField as _};
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of a scalar and of a coordinate on P-256.
const BYTES: usize = 32;
/// SEC 1 §2.3.3: an uncompressed point starts with this, then comes the first coordinate.
const POINT_START: usize = 1;

/// The recipient's own scalar. It is wiped when it is dropped.
pub(super) struct OwnScalar(NonZeroScalar);

impl OwnScalar {
    /// The scalar of a key on P-256; `None` for other keys.
    pub(super) fn of(key: &PrivateKey) -> Option<Self> {
        if *key.algorithm() != ECDH_P256 {
            return None;
        }
        scalar(key).ok().map(Self)
    }

    /// The shared secret with `ephemeral`: the first coordinate of *(ed)G*, as long as the curve's field (SEC 1 §3.3.1).
    pub(super) fn agree(&self, ephemeral: &PrivateKey) -> Result<Zeroizing<[u8; BYTES]>, Unspecified> {
        let mut ephemeral = scalar(ephemeral)?;
        let mut product = *ephemeral * *self.0;
        ephemeral.zeroize();
        let product_bytes = Zeroizing::new(<[u8; BYTES]>::from(product.to_repr()));
        product.zeroize();
        // The product of two numbers that are not zero modulo a prime is not zero: it is a key like any other.
        let point = PrivateKey::from_private_key(&ECDH_P256, &*product_bytes).map_err(|_| Unspecified)?;
        let point = point.compute_public_key()?;
        let coordinate = point.as_ref().get(POINT_START..).and_then(|rest| rest.first_chunk::<BYTES>());
        coordinate.copied().map(Zeroizing::new).ok_or(Unspecified)
    }
}

fn scalar(key: &PrivateKey) -> Result<NonZeroScalar, Unspecified> {
    let bytes: EcPrivateKeyBin<'_> = key.as_be_bytes()?;
    let bytes = Zeroizing::new(<[u8; BYTES]>::try_from(bytes.as_ref()).map_err(|_| Unspecified)?);
    Option::from(NonZeroScalar::from_repr((*bytes).into())).ok_or(Unspecified)
}

impl Drop for OwnScalar {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for OwnScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnScalar(…)")
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::agreement::{self, UnparsedPublicKey};

    use super::*;

    fn ordinary(ephemeral: &PrivateKey, recipient: &PrivateKey) -> Vec<u8> {
        let point = recipient.compute_public_key().unwrap();
        let point = UnparsedPublicKey::new(&ECDH_P256, point.as_ref());
        agreement::agree(ephemeral, point, Unspecified, |secret| Ok(secret.to_vec())).unwrap()
    }

    fn key(bytes: &[u8]) -> PrivateKey {
        PrivateKey::from_private_key(&ECDH_P256, bytes).unwrap()
    }

    #[test]
    fn gives_the_secret_of_the_ordinary_path_byte_for_byte() {
        for _ in 0..200 {
            let recipient = PrivateKey::generate(&ECDH_P256).unwrap();
            let ephemeral = PrivateKey::generate(&ECDH_P256).unwrap();
            let secret = OwnScalar::of(&recipient).unwrap().agree(&ephemeral).unwrap();
            assert_eq!(secret.as_slice(), ordinary(&ephemeral, &recipient));
        }
    }

    #[test]
    fn a_secret_that_begins_with_zeros_keeps_them() {
        let recipient = key(&[0x5a; 32]);
        let own = OwnScalar::of(&recipient).unwrap();
        let mut met = 0;
        for number in 1..2000_u16 {
            let mut ephemeral = [0; 32];
            ephemeral[30..].copy_from_slice(&number.to_be_bytes());
            let ephemeral = key(&ephemeral);
            let secret = own.agree(&ephemeral).unwrap();
            if secret[0] == 0 {
                met += 1;
                assert_eq!(secret.as_slice(), ordinary(&ephemeral, &recipient));
            }
        }
        assert!(met > 0, "no secret began with a zero");
    }

    #[test]
    fn gives_it_for_the_least_and_the_greatest_scalars_too() {
        const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        let mut greatest: Vec<u8> =
            (0..32).map(|at| u8::from_str_radix(&ORDER[2 * at..2 * at + 2], 16).unwrap()).collect();
        greatest[31] -= 1;
        let mut least = vec![0; 32];
        least[31] = 1;
        let middle = vec![0x5a; 32];
        for e in [&least, &middle, &greatest] {
            for d in [&least, &middle, &greatest] {
                let (ephemeral, recipient) = (key(e), key(d));
                let secret = OwnScalar::of(&recipient).unwrap().agree(&ephemeral).unwrap();
                assert_eq!(secret.as_slice(), ordinary(&ephemeral, &recipient), "{e:?} {d:?}");
            }
        }
    }

    #[test]
    fn keys_on_other_curves_have_no_shortcut_and_nothing_is_shown() {
        for algorithm in [&agreement::ECDH_P384, &agreement::ECDH_P521, &agreement::X25519] {
            assert!(OwnScalar::of(&PrivateKey::generate(algorithm).unwrap()).is_none());
        }
        let own = OwnScalar::of(&key(&[1; 32])).unwrap();
        assert_eq!(format!("{own:?}"), "OwnScalar(…)");
    }
}

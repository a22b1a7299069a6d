//! Which 32 bytes are an Ed25519 public key. AWS-LC looks at them only when it verifies; we refuse a key that could
//! never verify, and one for which a signature proves nothing, when it is read. All of this is public: it need not take
//! constant time.

use p256::elliptic_curve::bigint::{Encoding, JacobiSymbol, NonZero, Odd, U256};

/// 2^255 - 19.
const P: U256 = U256::from_be_hex("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");

/// -121665/121666 (RFC 8032 §5.1).
const D: U256 = U256::from_be_hex("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3");

/// The `y` of the eight points whose order divides 8: ±1 and 0 for orders 1, 2 and 4, two more for order 8.
const SMALL_ORDER: [U256; 5] = [
    U256::ZERO,
    U256::ONE,
    U256::from_be_hex("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"),
    U256::from_be_hex("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"),
    U256::from_be_hex("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"),
];

/// True for the one encoding (RFC 8032 §5.1.3) of a point on the curve that is not of small order.
pub(super) fn is_public_key(bytes: &[u8; 32]) -> bool {
    let mut y = *bytes;
    y[31] &= 0x7f; // the sign of x
    let y = U256::from_le_bytes(y.into());
    y < P && !SMALL_ORDER.contains(&y) && has_x(&y)
}

/// x² = (y² - 1) / (d·y² + 1) has a solution if the product of both sides of the fraction is a square. The denominator
/// is never zero since -1/d is not a square; the numerator only for y = ±1, which is of small order.
fn has_x(y: &U256) -> bool {
    let (Some(p), Some(odd)) = (NonZero::new(P).into_option(), Odd::new(P).into_option()) else {
        return false;
    };
    let square = y.mul_mod_vartime(y, &p);
    let above = square.sub_mod(&U256::ONE, &p);
    let below = square.mul_mod_vartime(&D, &p).add_mod(&U256::ONE, &p);
    above.mul_mod_vartime(&below, &p).jacobi_symbol_vartime(&odd) == JacobiSymbol::One
}

//! The parameters of a public key, RFC 7518 §6.2.1 (EC), §6.3.1 (RSA) and RFC 8037 §2 (OKP).

use aws_lc_rs::agreement;
use serde_json::{Map, Value};

use super::members::required;
use super::{KeyError, checks};
use crate::{base64url, jwa::JwkCurve};

/// The members that make a public key, in bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Parameters {
    /// A point: `04 ‖ x ‖ y` on a NIST curve (SEC 1 §2.3.3), the bare coordinate on Ed25519 and X25519.
    Curve { curve: JwkCurve, point: Vec<u8> },
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl Parameters {
    /// Reads the members; lengths are checked here, whether the point is on the curve in [`Parameters::check`].
    pub(crate) fn read(members: &Map<String, Value>) -> Result<Self, KeyError> {
        match required(members, "kty")? {
            "EC" => {
                let curve = curve(members, "EC", "P-256, P-384 or P-521", |curve| !curve.is_okp())?;
                let mut point = vec![4];
                point.extend(coordinate(members, "x", curve)?);
                point.extend(coordinate(members, "y", curve)?);
                Ok(Self::Curve { curve, point })
            }
            "OKP" => {
                let curve = curve(members, "OKP", "Ed25519 or X25519", JwkCurve::is_okp)?;
                Ok(Self::Curve { curve, point: coordinate(members, "x", curve)? })
            }
            "RSA" => Ok(Self::Rsa { n: integer(members, "n")?, e: integer(members, "e")? }),
            other => Err(KeyError::UnknownKeyType(other.chars().take(40).collect())),
        }
    }

    /// Refuses keys that protect nothing.
    pub(crate) fn check(&self) -> Result<(), KeyError> {
        match self {
            Self::Rsa { n, e } => checks::rsa(n, e),
            Self::Curve { curve: JwkCurve::Ed25519, point } => checks::ed25519(point),
            Self::Curve { curve: JwkCurve::X25519, point } => checks::x25519(point),
            Self::Curve { curve, point } => agreement_key(*curve, point).map(drop),
        }
    }

    pub(crate) const fn kty(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "RSA",
            Self::Curve { curve, .. } if curve.is_okp() => "OKP",
            Self::Curve { .. } => "EC",
        }
    }

    pub(crate) const fn curve(&self) -> Option<JwkCurve> {
        match self {
            Self::Rsa { .. } => None,
            Self::Curve { curve, .. } => Some(*curve),
        }
    }

    pub(crate) fn bits(&self) -> u32 {
        match self {
            Self::Rsa { n, .. } => u32::try_from(checks::bit_len(n)).unwrap_or(u32::MAX),
            Self::Curve { curve, .. } => curve.bits(),
        }
    }

    /// "a key on P-256", "a 2048-bit RSA key": for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Rsa { .. } => format!("a {}-bit RSA key", self.bits()),
            Self::Curve { curve, .. } => format!("a key on {curve}"),
        }
    }

    /// The members besides `kty` and `crv`, in the order in which a JWK is written.
    pub(crate) fn members(&self) -> Vec<(&'static str, &[u8])> {
        match self {
            Self::Rsa { n, e } => vec![("n", n), ("e", e)],
            Self::Curve { curve, point } if curve.is_okp() => vec![("x", point)],
            Self::Curve { curve, point } => {
                let coordinates = point.get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at_checked(curve.coordinate_len()).unwrap_or_default();
                vec![("x", x), ("y", y)]
            }
        }
    }

    /// RFC 7638 §3.2: the required members, sorted, without white space.
    pub(crate) fn canonical_json(&self) -> String {
        let members = self.members();
        let text = |name| {
            let bytes = members.iter().find(|(member, _)| *member == name).map(|(_, bytes)| *bytes);
            base64url::encode(bytes.unwrap_or_default())
        };
        let kty = self.kty();
        match self {
            Self::Rsa { .. } => format!(r#"{{"e":"{}","kty":"{kty}","n":"{}"}}"#, text("e"), text("n")),
            Self::Curve { curve, .. } if curve.is_okp() => {
                format!(r#"{{"crv":"{curve}","kty":"{kty}","x":"{}"}}"#, text("x"))
            }
            Self::Curve { curve, .. } => {
                format!(r#"{{"crv":"{curve}","kty":"{kty}","x":"{}","y":"{}"}}"#, text("x"), text("y"))
            }
        }
    }
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.canonical_json())
    }
}

/// The parsed point, which AWS-LC makes only of points on the curve.
pub(crate) fn agreement_key(curve: JwkCurve, point: &[u8]) -> Result<agreement::ParsedPublicKey, KeyError> {
    let off_curve = KeyError::PointNotOnCurve(curve.name());
    let Some(algorithm) = curve.agreement() else {
        return Err(off_curve);
    };
    let unparsed = agreement::UnparsedPublicKey::new(algorithm, point);
    agreement::ParsedPublicKey::try_from(unparsed).map_err(|_| off_curve)
}

fn curve(
    members: &Map<String, Value>,
    kty: &'static str,
    known: &'static str,
    belongs: impl Fn(JwkCurve) -> bool,
) -> Result<JwkCurve, KeyError> {
    let crv = required(members, "crv")?;
    crv.parse().ok().filter(|curve| belongs(*curve)).ok_or_else(|| KeyError::UnknownCurve {
        crv: crv.chars().take(40).collect(),
        kty,
        known,
    })
}

/// RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros included.
fn coordinate(
    members: &Map<String, Value>,
    member: &'static str,
    curve: JwkCurve,
) -> Result<Vec<u8>, KeyError> {
    let bytes =
        base64url::decode(required(members, member)?).map_err(|source| KeyError::Base64(member, source))?;
    let (expected, found) = (curve.coordinate_len(), bytes.len());
    if found == expected { Ok(bytes) } else { Err(KeyError::WrongLength { member, expected, found }) }
}

/// RFC 7518 §2, Base64urlUInt.
fn integer(members: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, KeyError> {
    let bytes =
        base64url::decode(required(members, member)?).map_err(|source| KeyError::Base64(member, source))?;
    match bytes.first() {
        None => Err(KeyError::Missing(member)),
        Some(0) => Err(KeyError::NotMinimal(member)),
        Some(_) => Ok(bytes),
    }
}

//! Private keys as PKCS#8 documents, RFC 5958, RFC 8410 and RFC 8017 §A.1, in DER and in PEM (RFC 7468 §10).
//!
//! AWS-LC reads the keys themselves. This file looks at the envelope first, so that a key of another kind or a byte too
//! many is refused in words, and does the two things that AWS-LC leaves to its user: the numbers of an RSA key, and X25519.

use ::pkcs8::{
    ObjectIdentifier, PrivateKeyInfoRef,
    der::{
        Decode as _,
        asn1::{BitStringRef, OctetStringRef},
        pem::{self, LineEnding},
    },
};
use aws_lc_rs::error::Unspecified;
use pkcs1::{RsaPrivateKeyRef, UintRef};
use zeroize::Zeroizing;

use super::{KeyError, Parameters, private::Secret};
use crate::{base64url, jwa::JwkCurve};

/// A `PrivateKeyInfo` or `OneAsymmetricKey`, RFC 5958 §2.
pub(crate) struct PrivateKeyInfo<'a> {
    /// The curve; none for RSA.
    pub(crate) curve: Option<JwkCurve>,
    private_key: &'a [u8],
    public_key: Option<BitStringRef<'a>>,
}

impl<'a> PrivateKeyInfo<'a> {
    /// Reads the envelope.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(|_| DAMAGED)?;
        let kind = info.algorithm.oids().map_err(|_| OF_ANOTHER_KIND)?;
        let (_, curve) = KINDS.iter().find(|(known, _)| *known == kind).ok_or(OF_ANOTHER_KIND)?;
        // The parameters of RSA are null (RFC 8017 §A.1); those of a curve are its name, or absent.
        let is_null = info.algorithm.parameters.is_some_and(|parameters| parameters.is_null());
        if is_null != curve.is_none() {
            return Err(DAMAGED);
        }
        let (private_key, public_key) = (info.private_key.as_bytes(), info.public_key);
        Ok(Self { curve: *curve, private_key, public_key })
    }

    /// "a key on P-256", "an RSA key": for messages.
    pub(crate) fn describe(&self) -> String {
        self.curve.map_or_else(|| "an RSA key".into(), |curve| format!("a key on {curve}"))
    }

    /// The scalar of an X25519 key, RFC 8410 §7, and the public key if the document states it.
    pub(crate) fn x25519(&self) -> Result<(&'a [u8], Option<&'a [u8]>), KeyError> {
        const DAMAGED: KeyError = KeyError::Pkcs8("the X25519 key in it is damaged");
        let scalar = <&OctetStringRef>::from_der(self.private_key).map_err(|_| DAMAGED)?;
        let public = self.public_key.map(|bits| bits.as_bytes().ok_or(DAMAGED)).transpose()?;
        Ok((scalar.as_bytes(), public))
    }

    /// The numbers of an RSA key, RFC 8017 §A.1.2, of which AWS-LC has no accessors.
    pub(crate) fn rsa(&self) -> Result<(Parameters, Secret), KeyError> {
        let key = RsaPrivateKeyRef::from_der(self.private_key)
            .map_err(|_| KeyError::Pkcs8("the RSA key in it is damaged"))?;
        let secret = |number: UintRef<'_>| Zeroizing::new(number.as_bytes().to_vec());
        let members =
            [key.private_exponent, key.prime1, key.prime2, key.exponent1, key.exponent2, key.coefficient];
        let public = key.public_key();
        let (n, e) = (public.modulus.as_bytes().to_vec(), public.public_exponent.as_bytes().to_vec());
        Ok((Parameters::Rsa { n, e }, Secret::Rsa(members.map(secret))))
    }
}

/// An X25519 key as PKCS#8, RFC 8410 §7: everything before the 32 bytes is fixed.
pub(crate) fn x25519_document(scalar: &[u8]) -> Zeroizing<Vec<u8>> {
    const ENVELOPE: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20];
    let mut document = Zeroizing::new(Vec::with_capacity(ENVELOPE.len().saturating_add(scalar.len())));
    document.extend_from_slice(&ENVELOPE);
    document.extend_from_slice(scalar);
    document
}

/// The DER inside of a PEM text.
pub(crate) fn from_pem(pem: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let (first, rest) = pem.trim().split_once('\n').unwrap_or_default();
    let problem = match first.trim_end() {
        "-----BEGIN PRIVATE KEY-----" => None,
        "-----BEGIN ENCRYPTED PRIVATE KEY-----" => {
            Some("it is encrypted: decrypt it first (openssl pkcs8 -topk8 -nocrypt)")
        }
        "-----BEGIN EC PRIVATE KEY-----" | "-----BEGIN RSA PRIVATE KEY-----" => {
            Some("it is in an older form: convert it (openssl pkcs8 -topk8 -nocrypt)")
        }
        "-----BEGIN PUBLIC KEY-----" => Some("it is a public key"),
        _ => Some("the first line must be -----BEGIN PRIVATE KEY-----"),
    };
    if let Some(problem) = problem {
        return Err(KeyError::Pem(problem));
    }

    match rest.split_once(END) {
        None => Err(KeyError::Pem("the last line must be -----END PRIVATE KEY-----")),
        Some((body, "")) => {
            // The capacity suffices, so that no half-written copy stays behind on the heap.
            let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
            base64.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
            base64url::decode_pem_body(&base64)
                .map_err(|_| KeyError::Pem("what is between the lines is not base64"))
        }
        Some(_) => Err(KeyError::Pem("there is something after the key")),
    }
}

/// The PEM text around `der`: lines of 64 characters (RFC 7468 §2).
pub(crate) fn to_pem(der: &[u8]) -> Result<Zeroizing<String>, KeyError> {
    let text = pem::encode_string("PRIVATE KEY", LineEnding::LF, der);
    text.map(Zeroizing::new).map_err(|_| KeyError::Library(Unspecified))
}

const END: &str = "-----END PRIVATE KEY-----";

const DAMAGED: KeyError = KeyError::Pkcs8("the document is damaged or has bytes after it");
const OF_ANOTHER_KIND: KeyError =
    KeyError::Pkcs8("it is a key of another kind (known are RSA, P-256, P-384, P-521, Ed25519 and X25519)");

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// An algorithm, and the curve that its parameters name.
type Kind = (ObjectIdentifier, Option<ObjectIdentifier>);

/// RFC 8017 §A.1, RFC 5480 §2.1.1 and RFC 8410 §3.
const KINDS: [(Kind, Option<JwkCurve>); 6] = [
    ((ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"), None), None),
    ((EC_PUBLIC_KEY, Some(ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"))), Some(JwkCurve::P256)),
    ((EC_PUBLIC_KEY, Some(ObjectIdentifier::new_unwrap("1.3.132.0.34"))), Some(JwkCurve::P384)),
    ((EC_PUBLIC_KEY, Some(ObjectIdentifier::new_unwrap("1.3.132.0.35"))), Some(JwkCurve::P521)),
    ((ObjectIdentifier::new_unwrap("1.3.101.112"), None), Some(JwkCurve::Ed25519)),
    ((ObjectIdentifier::new_unwrap("1.3.101.110"), None), Some(JwkCurve::X25519)),
];

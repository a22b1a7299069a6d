//! Private keys as PKCS#8 documents, RFC 5958, RFC 8410 and RFC 8017 §A.1, in DER and in PEM (RFC 7468 §10).
//!
//! AWS-LC reads the keys themselves. This file looks at the envelope first, so that a key of another kind or a byte too
//! many is refused in words, and does the two things that AWS-LC leaves to its user: the numbers of an RSA key, and X25519.

use aws_lc_rs::signature::RsaPublicKeyComponents;
use zeroize::Zeroizing;

use super::{
    KeyError, Parameters,
    der::{BIT_STRING_1, CONTEXT_0, Der, INTEGER, NULL, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE},
    private::Secret,
};
use crate::{base64url, jwa::Curve};

/// A `PrivateKeyInfo` or `OneAsymmetricKey`, RFC 5958 §2.
pub(crate) struct PrivateKeyInfo<'a> {
    /// The curve; none for RSA.
    pub(crate) curve: Option<Curve>,
    private_key: &'a [u8],
    public_key: Option<&'a [u8]>,
}

impl<'a> PrivateKeyInfo<'a> {
    /// Reads the envelope.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, KeyError> {
        let info = Self::read(der)
            .ok_or(KeyError::Pkcs8 { problem: "the document is damaged or has bytes after it" })?;
        info.ok_or(KeyError::Pkcs8 {
            problem: "it is a key of another kind (known are RSA, P-256, P-384, P-521, Ed25519 and X25519)",
        })
    }

    /// `None` when it is not DER, `Some(None)` when the algorithm is unknown.
    fn read(der: &'a [u8]) -> Option<Option<Self>> {
        let mut info = Der::whole(der, SEQUENCE)?;
        let version = info.take(INTEGER)?;
        let mut algorithm = Der::new(info.take(SEQUENCE)?);
        let private_key = info.take(OCTET_STRING)?;
        if info.next_is(CONTEXT_0) {
            info.take(CONTEXT_0)?;
        }
        let public_key = match version {
            [0] => None,
            [1] if info.next_is(BIT_STRING_1) => Some(info.take(BIT_STRING_1)?),
            [1] => None,
            _ => return None,
        };
        info.end()?;

        let oid = algorithm.take(OBJECT_IDENTIFIER)?;
        let curve = match oid {
            RSA_ENCRYPTION => {
                algorithm.take(NULL)?;
                None
            }
            EC_PUBLIC_KEY => {
                let named = algorithm.take(OBJECT_IDENTIFIER)?;
                match CURVES.iter().find(|(oid, _)| *oid == named) {
                    Some((_, curve)) => Some(*curve),
                    None => return Some(None),
                }
            }
            ED25519 => Some(Curve::Ed25519),
            X25519 => Some(Curve::X25519),
            _ => return Some(None),
        };
        algorithm.end()?;
        Some(Some(Self { curve, private_key, public_key }))
    }

    /// "a key on P-256", "an RSA key": for messages.
    pub(crate) fn describe(&self) -> String {
        self.curve.map_or_else(|| "an RSA key".into(), |curve| format!("a key on {curve}"))
    }

    /// The scalar of an X25519 key, RFC 8410 §7, and the public key if the document states it.
    pub(crate) fn x25519(&self) -> Result<(&'a [u8], Option<&'a [u8]>), KeyError> {
        const DAMAGED: KeyError = KeyError::Pkcs8 { problem: "the X25519 key in it is damaged" };
        let mut inner = Der::new(self.private_key);
        let scalar = inner.take(OCTET_STRING).ok_or(DAMAGED)?;
        inner.end().ok_or(DAMAGED)?;
        match self.public_key {
            None => Ok((scalar, None)),
            Some([0, public @ ..]) => Ok((scalar, Some(public))),
            Some(_) => Err(DAMAGED),
        }
    }

    /// The numbers of an RSA key, RFC 8017 §A.1.2, of which AWS-LC has no accessors.
    pub(crate) fn rsa(&self) -> Result<(Parameters, Secret), KeyError> {
        self.read_rsa().ok_or(KeyError::Pkcs8 { problem: "the RSA key in it is damaged" })
    }

    fn read_rsa(&self) -> Option<(Parameters, Secret)> {
        let mut key = Der::whole(self.private_key, SEQUENCE)?;
        // Version 0: two primes.
        if !key.unsigned()?.is_empty() {
            return None;
        }
        let (n, e) = (key.unsigned()?.to_vec(), key.unsigned()?.to_vec());
        let mut secret = || key.unsigned().map(|integer| Zeroizing::new(integer.to_vec()));
        let members = [secret()?, secret()?, secret()?, secret()?, secret()?, secret()?];
        key.end()?;
        Some((Parameters::Rsa { n, e }, Secret::Rsa(members)))
    }
}

/// The numbers of an `RSAPublicKey`, RFC 8017 §A.1.1.
pub(crate) fn rsa_public_key(der: &[u8]) -> Option<RsaPublicKeyComponents<&[u8]>> {
    let mut key = Der::whole(der, SEQUENCE)?;
    let components = RsaPublicKeyComponents { n: key.unsigned()?, e: key.unsigned()? };
    key.end()?;
    Some(components)
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
    let mut lines = pem.trim().lines().map(str::trim_end);
    let problem = match lines.next() {
        Some(BEGIN) => None,
        Some("-----BEGIN ENCRYPTED PRIVATE KEY-----") => {
            Some("it is encrypted: decrypt it first (openssl pkcs8 -topk8 -nocrypt)")
        }
        Some("-----BEGIN EC PRIVATE KEY-----" | "-----BEGIN RSA PRIVATE KEY-----") => {
            Some("it is in an older form: convert it (openssl pkcs8 -topk8 -nocrypt)")
        }
        Some("-----BEGIN PUBLIC KEY-----") => Some("it is a public key"),
        _ => Some("the first line must be -----BEGIN PRIVATE KEY-----"),
    };
    if let Some(problem) = problem {
        return Err(KeyError::Pem { problem });
    }

    let mut body = Zeroizing::new(Vec::with_capacity(pem.len()));
    for line in lines.by_ref() {
        if line == END {
            if lines.next().is_some() {
                return Err(KeyError::Pem { problem: "there is something after the key" });
            }
            return base64url::decode_pem_body(&body)
                .map_err(|_| KeyError::Pem { problem: "what is between the lines is not base64" });
        }
        body.extend_from_slice(line.as_bytes());
    }
    Err(KeyError::Pem { problem: "the last line must be -----END PRIVATE KEY-----" })
}

/// The PEM text around `der`: lines of 64 characters (RFC 7468 §2).
pub(crate) fn to_pem(der: &[u8]) -> Zeroizing<String> {
    // Capacities are generous, so that no half-written copy stays behind on the heap.
    let encoded_len = der.len().div_ceil(3).saturating_mul(4);
    let mut body = Zeroizing::new(String::with_capacity(encoded_len));
    base64_simd::STANDARD.encode_append(der, &mut *body);

    let capacity = encoded_len.saturating_add(encoded_len.div_ceil(64)).saturating_add(64);
    let mut pem = Zeroizing::new(String::with_capacity(capacity));
    pem.push_str(BEGIN);
    pem.push('\n');
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, others) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = others;
    }
    pem.push_str(END);
    pem.push('\n');
    pem
}

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.3.101.112
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// 1.3.101.110
const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
/// 1.2.840.10045.3.1.7, 1.3.132.0.34, 1.3.132.0.35
const CURVES: &[(&[u8], Curve)] = &[
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], Curve::P256),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], Curve::P384),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], Curve::P521),
];

//! JOSE over AWS-LC: signed tokens, encrypted tokens, and the keys they need. Small, strict, and hard to hold wrong.
//!
//! # A tour
//!
//! A key knows its algorithm. A token does not get to choose one, and there is no list of allowed algorithms to forget:
//! whoever holds the key has said which one is accepted.
//!
//! ```
//! use jwtis_jose::{ClaimsSet, ProtectedHeader, SignatureAlgorithm, SigningKey, Unverified, Validation};
//! use std::time::Duration;
//!
//! // Once: a key is generated or imported, parsed, and kept.
//! let key = SigningKey::generate(SignatureAlgorithm::Es256, 256)?;
//!
//! // The issuer: claims in, token out.
//! let mut claims = ClaimsSet::new();
//! claims.insert("iss", "https://issuer.example");
//! claims.insert("sub", "alice");
//! claims.insert("aud", "shop");
//! claims.insert("exp", 1_700_000_600);
//! let token = key.sign(&ProtectedHeader::JWT, &claims.to_json())?;
//!
//! // The verifier has the public half only. `Unverified` has a header to find the key by, and no claims.
//! let public = jwtis_jose::VerifyingKey::from_jwk(key.public_jwk())?;
//! let unverified = Unverified::parse(&token)?;
//! assert_eq!(unverified.header().kid(), Some(public.kid()));
//!
//! // The signature first, then the claims, then what they mean now and here.
//! let verified = public.verify(&unverified)?;
//! let claims = ClaimsSet::parse(verified.payload())?;
//! let here_and_now = Validation {
//!     now: 1_700_000_000,
//!     leeway: Duration::from_secs(30),
//!     issuer: Some("https://issuer.example"),
//!     audience: Some("shop"),
//! };
//! here_and_now.check(&claims)?;
//! assert_eq!(claims.subject()?, Some("alice"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A token that its bearer shall keep but not read is signed and then encrypted. Encryption alone would prove nothing,
//! since anybody can encrypt to a public key:
//!
//! ```
//! use jwtis_jose::{ContentEncryption, DecryptionKey, KeyManagementAlgorithm, ProtectedHeader, SignatureAlgorithm};
//! use jwtis_jose::{SigningKey, Unverified, is_type, jwt};
//!
//! let signing = SigningKey::generate(SignatureAlgorithm::EdDsa, 256)?;
//! let decryption = DecryptionKey::generate(KeyManagementAlgorithm::EcdhEsA256Kw, 256)?;
//!
//! let inner = ProtectedHeader { typ: Some("refresh+jwt"), cty: None };
//! let enc = ContentEncryption::A256Gcm;
//! let token = jwt::nest(&signing, &inner, decryption.encryption_key(), enc, br#"{"sub":"alice"}"#)?;
//!
//! let signed = jwt::open_nested(&decryption, &[enc], &token)?;
//! let verified = signing.verifying_key().verify(&Unverified::parse(&signed)?)?;
//! assert!(is_type(verified.header().typ(), "refresh+jwt"));
//! assert_eq!(verified.payload(), br#"{"sub":"alice"}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is implemented
//!
//! | Standard | Here | Left out, or refused |
//! |---|---|---|
//! | RFC 7515 JWS | [`jws`]: compact serialisation | JSON serialisation, `none`, every `crit`, `zip`, keys that come with the token |
//! | RFC 7516 JWE | [`jwe`]: compact serialisation | JSON serialisation, `zip` |
//! | RFC 7517 JWK | [`jwk`]: EC, OKP, RSA; sets | symmetric keys, private members in public keys |
//! | RFC 7518 JWA | [`jwa`]: ES, PS, RS; RSA-OAEP, ECDH-ES with and without AES key wrap; AES-GCM | `dir`, PBES2, AES key wrap with shared keys, CBC-HMAC |
//! | RFC 7519 JWT | [`jwt`]: claims, validation, nested tokens | claims repeated in the header |
//! | RFC 7638 thumbprint, RFC 9278 URI | [`Jwk::thumbprint`], [`Jwk::thumbprint_uri`] | |
//! | RFC 7797 unencoded payload | | `b64` |
//! | RFC 8037 OKP | Ed25519, X25519 | Ed448, X448, points of small order |
//! | RFC 8725 best practices | throughout | |
//! | RFC 5958, 7468, 8410 | PKCS#8 in DER and PEM | encrypted PKCS#8, PKCS#1, SEC 1 |
//! | RFC 8259, 7493 JSON | [`json`]: one text, one meaning | duplicate names, numbers beyond 2^53 |
//!
//! # What to rely on
//!
//! * Types say what has been checked: [`Unverified`] → [`Verified`], [`Undecrypted`] → [`Decrypted`].
//! * Nothing that comes from outside can make this crate panic.
//! * Every refusal has a name and a sentence. No message holds a secret, and whatever depends on a secret is one and the
//!   same [`DecryptError::Failed`].
//! * Private keys have no `Clone`, no `Display` and no `Serialize`; their `Debug` shows algorithm and `kid`. Exported
//!   secrets are wiped when dropped.
//! * Keys are parsed once, can be used from many threads, and take no locks. Around the signature itself stand two
//!   allocations: the token and its header.

pub mod base64url;
mod compact;
pub mod header;
pub mod json;
pub mod jwa;
pub mod jwe;
pub mod jwk;
pub mod jws;
pub mod jwt;
#[doc(hidden)]
pub mod primitives;

pub use self::{
    base64url::Base64Error,
    compact::{MAX_TOKEN_BYTES, ParseError},
    header::{Header, HeaderError, ProtectedHeader, is_type},
    json::JsonError,
    jwa::{
        BitsError, ContentEncryption, KeyAlgorithm, KeyManagementAlgorithm, SignatureAlgorithm,
        UnknownAlgorithm,
    },
    jwe::{DecryptError, Decrypted, DecryptionKey, EncryptError, EncryptionKey, Undecrypted},
    jwk::{Jwk, JwkSet, KeyError},
    jws::{HmacKey, SignError, SigningKey, Unverified, Verified, VerifyError, VerifyingKey},
    jwt::{ClaimsError, ClaimsSet, NestError, Validation, ValidationError},
};

//! Public keys as JSON, RFC 7517: one key, a set of keys, and the thumbprint that names a key (RFC 7638).
//!
//! A [`Jwk`] is a public key and nothing else: a private member in it is an error that names the member, so that a key
//! file that went to the wrong place is noticed before it is published. Points are on their curve, RSA moduli are large
//! enough and were not made by the ROCA library, and `use`, `key_ops` and `alg` agree.
//!
//! Private JWKs are read and written by the key types, [`SigningKey`](crate::SigningKey) and
//! [`DecryptionKey`](crate::DecryptionKey).

pub(crate) mod checks;
mod error;
pub(crate) mod members;
pub(crate) mod parameters;
pub(crate) mod pkcs8;
pub(crate) mod private;
mod set;

use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use serde_json::{Map, Value};

use self::members::{MAX_JWK_DEPTH, object, refuse_private_members, text};
pub use self::{
    error::KeyError,
    members::{KeyUse, MAX_JWK_BYTES},
    set::JwkSet,
};
pub(crate) use self::{
    parameters::Parameters,
    private::{KeyOperation, PrivateJwk},
};
use crate::{
    base64url, json,
    jwa::{JwkCurve, KeyAlgorithm, KeyManagementScheme, SignatureScheme},
};

/// A public key, RFC 7517 §4.
///
/// Members are written in the order `use`, `kty`, `kid`, `crv`, `alg`, `x`, `y` or `n`, `e`. `key_ops` is read as the
/// `use` it amounts to; members that this crate does not know are left out.
#[derive(Clone, PartialEq, Debug)]
pub struct Jwk {
    parameters: Parameters,
    key_use: Option<KeyUse>,
    alg: Option<KeyAlgorithm>,
    kid: Option<String>,
}

impl Jwk {
    /// Reads one public key.
    ///
    /// # Errors
    /// [`KeyError`] names the member and the rule; [`KeyError::PrivateMember`] means that the text is a secret.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        Self::from_members(&object(json)?)
    }

    /// `kid`, when the key has one (RFC 7517 §4.5).
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The key's algorithm, when it is bound to one (RFC 7517 §4.4).
    pub const fn algorithm(&self) -> Option<KeyAlgorithm> {
        self.alg
    }

    /// The purpose of the key (RFC 7517 §4.2).
    pub const fn key_use(&self) -> Option<KeyUse> {
        self.key_use
    }

    /// Bits of the key: of the RSA modulus or of the curve's field.
    pub fn bits(&self) -> u32 {
        self.parameters.bits()
    }

    /// Binds the key to `alg`, as for a key that was published without one.
    ///
    /// # Errors
    /// [`KeyError::AlgorithmMismatch`] when the key cannot do it or is already bound to another,
    /// [`KeyError::UseContradictsAlgorithm`] when its `use` forbids it.
    pub fn with_algorithm(mut self, alg: impl Into<KeyAlgorithm>) -> Result<Self, KeyError> {
        let alg = alg.into();
        self.check_algorithm(alg)?;
        self.alg = Some(alg);
        Ok(self)
    }

    /// The base64url SHA-256 thumbprint of the key's required members, RFC 7638 §3.
    pub fn thumbprint(&self) -> String {
        let canonical = self.parameters.canonical_json();
        base64url::encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
    }

    /// The thumbprint as a URI, RFC 9278 §4.
    pub fn thumbprint_uri(&self) -> String {
        format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{}", self.thumbprint())
    }

    /// The key as JSON text.
    pub fn to_json(&self) -> String {
        // Strings in a map: there is nothing in a JWK that serde_json could fail on.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A key of ours: bound to `alg`, `use` stated, named by `kid` or else by its thumbprint.
    pub(crate) fn complete(
        parameters: Parameters,
        alg: KeyAlgorithm,
        kid: Option<String>,
    ) -> Result<Self, KeyError> {
        parameters.check()?;
        let jwk = Self { parameters, key_use: Some(KeyUse::of(alg)), alg: None, kid };
        let mut jwk = jwk.with_algorithm(alg)?;
        if jwk.kid.is_none() {
            jwk.kid = Some(jwk.thumbprint());
        }
        Ok(jwk)
    }

    /// The same, from a key of somebody else's.
    pub(crate) fn completed(&self) -> Result<Self, KeyError> {
        let alg = self.alg.ok_or(KeyError::MissingAlgorithm)?;
        Self::complete(self.parameters.clone(), alg, self.kid.clone())
    }

    pub(crate) const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn from_members(members: &Map<String, Value>) -> Result<Self, KeyError> {
        refuse_private_members(members)?;
        let jwk = Self::read(members)?;
        jwk.parameters.check()?;
        Ok(jwk)
    }

    /// The public half of a public or private JWK; the parameters are not yet checked.
    fn read(members: &Map<String, Value>) -> Result<Self, KeyError> {
        let mut jwk = Self {
            parameters: Parameters::read(members)?,
            key_use: checks::key_use(members)?,
            alg: None,
            kid: text(members, "kid")?.map(str::to_owned),
        };
        if let Some(name) = text(members, "alg")? {
            let alg = name.parse()?;
            jwk.check_algorithm(alg)?;
            jwk.alg = Some(alg);
        }
        Ok(jwk)
    }

    fn check_algorithm(&self, alg: KeyAlgorithm) -> Result<(), KeyError> {
        let able = match alg {
            KeyAlgorithm::Signature(alg) => match (alg.scheme(), self.parameters.curve()) {
                (SignatureScheme::Rsa(..), curve) => curve.is_none(),
                (SignatureScheme::Ecdsa(needed, ..), curve) => curve == Some(needed),
                (SignatureScheme::EdDsa, curve) => curve == Some(JwkCurve::Ed25519),
            },
            KeyAlgorithm::KeyManagement(alg) => match (alg.scheme(), self.parameters.curve()) {
                (KeyManagementScheme::Rsa(_), curve) => curve.is_none(),
                (KeyManagementScheme::Ecdh(_), curve) => {
                    curve.is_some_and(|curve| curve.agreement().is_some())
                }
            },
        };
        if !able {
            return Err(KeyError::AlgorithmMismatch(alg.name(), self.parameters.describe()));
        }
        if let Some(bound) = self.alg.filter(|bound| *bound != alg) {
            return Err(KeyError::BoundToAnother { bound: bound.name(), asked: alg.name() });
        }
        match self.key_use {
            Some(key_use) if key_use != KeyUse::of(alg) => {
                Err(KeyError::UseContradictsAlgorithm { key_use: key_use.name(), alg: alg.name() })
            }
            _ => Ok(()),
        }
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(key_use) = self.key_use {
            map.serialize_entry("use", key_use.name())?;
        }
        map.serialize_entry("kty", self.parameters.kty())?;
        if let Some(kid) = &self.kid {
            map.serialize_entry("kid", kid)?;
        }
        if let Some(curve) = self.parameters.curve() {
            map.serialize_entry("crv", curve.name())?;
        }
        if let Some(alg) = self.alg {
            map.serialize_entry("alg", alg.name())?;
        }
        for (name, bytes) in self.parameters.members() {
            map.serialize_entry(name, &base64url::encode(bytes))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Jwk {
    /// As strict as [`Jwk::parse`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match json::deserialize_strict(deserializer, MAX_JWK_DEPTH)?
            .map_err(<D::Error as de::Error>::custom)?
        {
            Value::Object(members) => Self::from_members(&members).map_err(de::Error::custom),
            _ => Err(de::Error::custom(KeyError::NotAnObject)),
        }
    }
}

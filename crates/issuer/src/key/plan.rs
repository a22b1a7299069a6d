//! What keys to make: the options of a registration, checked, with the gaps filled from defaults or from the set before.

use std::time::Duration;

use jwtis_base::client_id::ClientId;
use jwtis_base::env::Env;
use jwtis_base::ttl::Ttl;
use jwtis_jose::{
    ContentEncryption, DecryptionKey, KeyError, KeyManagementAlgorithm, SignatureAlgorithm, SigningKey,
};
use serde::{Deserialize, Serialize};

use super::KeySet;
use crate::policy::{RefreshStrategy, TokenPolicy};

/// Longest `iss` or `aud` value that a client can register, in bytes.
pub const MAX_NAME_BYTES: usize = 512;
/// Most `aud` values that a client can register.
pub const MAX_AUDIENCES: usize = 16;

/// The options of `/register` and `/renew_keys`; every one may be left out.
#[derive(Clone, Default, Debug)]
pub struct KeyOptions {
    /// Life of the key set.
    pub expiry: Option<Ttl>,
    /// Signature algorithm.
    pub sig_alg: Option<SignatureAlgorithm>,
    /// Size of the signing key in bits; follows the algorithm unless given.
    pub sig_bits: Option<u32>,
    /// Key management algorithm.
    pub enc_alg: Option<KeyManagementAlgorithm>,
    /// Size of the encryption key in bits; follows the algorithm unless given.
    pub enc_bits: Option<u32>,
    /// Content encryption.
    pub cont_enc: Option<ContentEncryption>,
    /// Longest life of an access token.
    pub auth_ttl: Option<Ttl>,
    /// Longest life of a refresh token.
    pub refresh_ttl: Option<Ttl>,
    /// When renewals make a new refresh token.
    pub refresh_strategy: Option<RefreshStrategy>,
    /// `iss` of tokens; the client's name unless given.
    pub issuer: Option<String>,
    /// `aud` of tokens whose claims name none.
    pub audience: Option<Vec<String>>,
}

/// The longest lives that anybody can ask for; `None` is without end.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Maxima {
    /// Life of an access token.
    pub auth_ttl: Option<Ttl>,
    /// Life of a refresh token.
    pub refresh_ttl: Option<Ttl>,
    /// Life of a key set.
    pub expiry: Option<Ttl>,
}

/// What the server makes where a registration says nothing.
#[derive(Clone, Debug)]
pub struct KeyDefaults {
    /// Signature algorithm.
    pub sig_alg: SignatureAlgorithm,
    /// Size of the signing key for that algorithm; `None` follows the algorithm.
    pub sig_bits: Option<u32>,
    /// Key management algorithm.
    pub enc_alg: KeyManagementAlgorithm,
    /// Size of the encryption key for that algorithm; `None` follows the algorithm.
    pub enc_bits: Option<u32>,
    /// Content encryption.
    pub cont_enc: ContentEncryption,
    /// Life of a key set.
    pub expiry: Ttl,
    /// Longest life of an access token.
    pub auth_ttl: Ttl,
    /// Longest life of a refresh token.
    pub refresh_ttl: Ttl,
    /// When renewals make a new refresh token.
    pub refresh_strategy: RefreshStrategy,
    /// Whether `RSA1_5` may be chosen at all.
    pub allow_rsa1_5: bool,
    /// What nobody can go beyond.
    pub maxima: Maxima,
}

impl Default for KeyDefaults {
    /// The Go program's defaults: ES256, ECDH-ES+A256KW on P-256, A256GCM; 4320 h, 72 h, 720 h; noRefresh.
    fn default() -> Self {
        Self {
            sig_alg: SignatureAlgorithm::Es256,
            sig_bits: None,
            enc_alg: KeyManagementAlgorithm::EcdhEsA256Kw,
            enc_bits: None,
            cont_enc: ContentEncryption::A256Gcm,
            expiry: Ttl::from_hours(4320),
            auth_ttl: Ttl::from_hours(72),
            refresh_ttl: Ttl::from_hours(720),
            refresh_strategy: RefreshStrategy::NoRefresh,
            allow_rsa1_5: false,
            maxima: Maxima::default(),
        }
    }
}

/// Options without gaps or contradictions: keys can be made from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyPlan {
    pub(super) sig_alg: SignatureAlgorithm,
    pub(super) sig_bits: u32,
    pub(super) enc_alg: KeyManagementAlgorithm,
    pub(super) enc_bits: u32,
    pub(super) cont_enc: ContentEncryption,
    pub(super) expiry: Duration,
    pub(super) policy: TokenPolicy,
}

/// Why options were refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OptionsError {
    /// A size that the signature algorithm does not have.
    #[error("sig_bits: {0}")]
    SigBits(jwtis_jose::BitsError),
    /// A size that the key management algorithm does not have.
    #[error("enc_bits: {0}")]
    EncBits(jwtis_jose::BitsError),
    /// `RSA1_5` without the server's permission.
    #[error(
        "enc_alg: RSA1_5 is unsafe and switched off; choose RSA-OAEP-256 or ECDH-ES+A256KW, or start the server with --allow-rsa1_5"
    )]
    Rsa15NotAllowed,
    /// HS256 and its like.
    #[error("sig_alg: tokens are verified by others, so the algorithm must be asymmetric")]
    Symmetric,
    /// Access tokens would outlive refresh tokens.
    #[error(
        "auth_ttl ({auth}) is longer than refresh_ttl ({refresh}): a refresh token must live at least as long as the access token beside it"
    )]
    TtlOrder {
        /// Life of an access token.
        auth: Ttl,
        /// Life of a refresh token.
        refresh: Ttl,
    },
    /// Beyond what this server allows anybody.
    #[error("{member}: {asked} is longer than this server allows, which is {most}")]
    BeyondMaximum {
        /// Which life.
        member: &'static str,
        /// What was asked for.
        asked: Ttl,
        /// The server's maximum.
        most: Ttl,
    },
    /// Beyond what the admin granted the client.
    #[error(
        "{member}: a client cannot go beyond what it was registered with; only the admin can change that"
    )]
    NotGranted {
        /// The first member that goes beyond it.
        member: &'static str,
    },
    /// An `iss` or `aud` value that is empty, too long or one of too many.
    #[error("{member}: give 1 to {MAX_NAME_BYTES} bytes each, and at most {MAX_AUDIENCES} audiences")]
    Name {
        /// `issuer` or `audience`.
        member: &'static str,
    },
}

impl KeyPlan {
    /// The plan for a client that registers.
    ///
    /// # Errors
    /// Names the option that cannot be.
    pub fn for_registration(
        client: &ClientId,
        options: &KeyOptions,
        defaults: &KeyDefaults,
    ) -> Result<Self, OptionsError> {
        let base = Base {
            sig: (defaults.sig_alg, defaults.sig_bits),
            enc: (defaults.enc_alg, defaults.enc_bits),
            cont_enc: defaults.cont_enc,
            expiry: defaults.expiry.as_duration(),
            policy: TokenPolicy {
                auth_ttl: defaults.auth_ttl,
                refresh_ttl: defaults.refresh_ttl,
                refresh_strategy: defaults.refresh_strategy,
                issuer: client.as_str().to_owned(),
                audience: Vec::new(),
            },
        };
        base.with(options, defaults)
    }

    /// The plan for new keys of a client that has `previous`: what is left out stays as it was, and the new set lives as long as the
    /// previous one did, counted anew.
    ///
    /// # Errors
    /// Names the option that cannot be.
    pub fn for_renewal(
        previous: &KeySet,
        options: &KeyOptions,
        defaults: &KeyDefaults,
    ) -> Result<Self, OptionsError> {
        Base::of(previous).with(options, defaults)
    }

    /// As [`Self::for_renewal`], for the admin who renews a set that has expired: lives that are left out are those `granted`. A client, or
    /// who has stolen its token, may have made the lives of `previous` so short that keys like it would be of no use.
    pub(crate) fn for_renewal_of_expired(
        previous: &KeySet,
        granted: &Self,
        options: &KeyOptions,
        defaults: &KeyDefaults,
    ) -> Result<Self, OptionsError> {
        let base = Base::of(previous);
        let TokenPolicy { auth_ttl, refresh_ttl, .. } = granted.policy;
        let policy = TokenPolicy { auth_ttl, refresh_ttl, ..base.policy };
        Base { expiry: granted.expiry, policy, ..base }.with(options, defaults)
    }

    /// Whether making the keys takes long enough to block others: RSA does.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.sig_bits >= 2048 || self.enc_bits >= 2048
    }

    /// Makes the keys. Takes from 50 µs (elliptic curves) to seconds (RSA 4096): call it where it blocks nobody.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn generate(self, env: &Env) -> Result<KeySet, KeyError> {
        let signing = SigningKey::generate(self.sig_alg, self.sig_bits)?;
        let encryption = DecryptionKey::generate(self.enc_alg, self.enc_bits)?;
        // The set's life begins when it is there.
        let now = env.now();
        Ok(KeySet {
            signing,
            encryption,
            content: self.cont_enc,
            policy: self.policy,
            created_at: now,
            expires_at: now.plus(self.expiry),
        })
    }
}

/// What fills the gaps.
struct Base {
    sig: (SignatureAlgorithm, Option<u32>),
    enc: (KeyManagementAlgorithm, Option<u32>),
    cont_enc: ContentEncryption,
    expiry: Duration,
    policy: TokenPolicy,
}

impl Base {
    fn of(previous: &KeySet) -> Self {
        Self {
            sig: (previous.signing.algorithm(), Some(previous.signing.public_jwk().bits())),
            enc: (previous.encryption.algorithm(), Some(previous.encryption.public_jwk().bits())),
            cont_enc: previous.content,
            expiry: previous.expires_at.since(previous.created_at),
            policy: previous.policy.clone(),
        }
    }

    fn with(self, options: &KeyOptions, defaults: &KeyDefaults) -> Result<KeyPlan, OptionsError> {
        let sig_alg = options.sig_alg.unwrap_or(self.sig.0);
        let inherited = self.sig.1.filter(|_| sig_alg == self.sig.0);
        let sig_bits = options.sig_bits.or(inherited).unwrap_or_else(|| sig_alg.default_bits());
        if sig_alg == SignatureAlgorithm::Hs256 {
            return Err(OptionsError::Symmetric);
        }
        sig_alg.check_bits(sig_bits).map_err(OptionsError::SigBits)?;

        let enc_alg = options.enc_alg.unwrap_or(self.enc.0);
        let inherited = self.enc.1.filter(|_| enc_alg == self.enc.0);
        let enc_bits = options.enc_bits.or(inherited).unwrap_or_else(|| enc_alg.default_bits());
        if enc_alg == KeyManagementAlgorithm::DangerRsa15 && !defaults.allow_rsa1_5 {
            return Err(OptionsError::Rsa15NotAllowed);
        }
        enc_alg.check_bits(enc_bits).map_err(OptionsError::EncBits)?;

        let maxima = &defaults.maxima;
        let auth_ttl = within("auth_ttl", options.auth_ttl, maxima.auth_ttl)?;
        let refresh_ttl = within("refresh_ttl", options.refresh_ttl, maxima.refresh_ttl)?;
        let expiry = within("expiry", options.expiry, maxima.expiry)?;
        // What is left out is cut to the maxima.
        let cut = |life: Ttl, most: Option<Ttl>| most.map_or(life, |most| life.min(most));
        let policy = TokenPolicy {
            auth_ttl: auth_ttl.unwrap_or_else(|| cut(self.policy.auth_ttl, maxima.auth_ttl)),
            refresh_ttl: refresh_ttl.unwrap_or_else(|| cut(self.policy.refresh_ttl, maxima.refresh_ttl)),
            refresh_strategy: options.refresh_strategy.unwrap_or(self.policy.refresh_strategy),
            issuer: options.issuer.clone().unwrap_or(self.policy.issuer),
            audience: options.audience.clone().unwrap_or(self.policy.audience),
        };
        check_policy(&policy)?;
        Ok(KeyPlan {
            sig_alg,
            sig_bits,
            enc_alg,
            enc_bits,
            cont_enc: options.cont_enc.unwrap_or(self.cont_enc),
            expiry: expiry.map_or_else(
                || maxima.expiry.map_or(self.expiry, |most| self.expiry.min(most.as_duration())),
                Ttl::as_duration,
            ),
            policy,
        })
    }
}

/// What was asked for, if the server allows it.
fn within(member: &'static str, asked: Option<Ttl>, most: Option<Ttl>) -> Result<Option<Ttl>, OptionsError> {
    match (asked, most) {
        (Some(asked), Some(most)) if asked > most => Err(OptionsError::BeyondMaximum { member, asked, most }),
        (asked, _) => Ok(asked),
    }
}

fn check_policy(policy: &TokenPolicy) -> Result<(), OptionsError> {
    if policy.auth_ttl > policy.refresh_ttl {
        return Err(OptionsError::TtlOrder { auth: policy.auth_ttl, refresh: policy.refresh_ttl });
    }
    let fits = |name: &String| !name.is_empty() && name.len() <= MAX_NAME_BYTES;
    if !fits(&policy.issuer) {
        return Err(OptionsError::Name { member: "issuer" });
    }
    if policy.audience.len() > MAX_AUDIENCES || !policy.audience.iter().all(fits) {
        return Err(OptionsError::Name { member: "audience" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(options: &KeyOptions) -> Result<KeyPlan, OptionsError> {
        KeyPlan::for_registration(&"shop".parse().unwrap(), options, &KeyDefaults::default())
    }

    #[test]
    fn bits_left_out_follow_the_algorithm() {
        for alg in SignatureAlgorithm::ALL {
            let plan = plan(&KeyOptions { sig_alg: Some(*alg), ..KeyOptions::default() }).unwrap();
            assert_eq!(plan.sig_bits, alg.default_bits(), "{alg}");
        }
        let defaults = KeyDefaults { sig_bits: Some(256), ..KeyDefaults::default() };
        let options = KeyOptions { sig_alg: Some(SignatureAlgorithm::Rs256), ..KeyOptions::default() };
        let plan = KeyPlan::for_registration(&"shop".parse().unwrap(), &options, &defaults).unwrap();
        assert_eq!(plan.sig_bits, 2048, "a default size belongs to the default algorithm only");
    }

    #[test]
    fn es512_with_512_bits_is_refused_and_521_is_named() {
        let options = KeyOptions {
            sig_alg: Some(SignatureAlgorithm::Es512),
            sig_bits: Some(512),
            ..KeyOptions::default()
        };
        let message = plan(&options).unwrap_err().to_string();
        assert!(message.contains("521"), "{message}");
    }

    #[test]
    fn rsa_of_1024_or_16384_bits_is_refused() {
        for bits in [0, 1024, 2047, 4097, 16384] {
            let sig = KeyOptions {
                sig_alg: Some(SignatureAlgorithm::Ps256),
                sig_bits: Some(bits),
                ..KeyOptions::default()
            };
            assert!(matches!(plan(&sig), Err(OptionsError::SigBits(_))), "{bits}");
            let enc = KeyOptions {
                enc_alg: Some(KeyManagementAlgorithm::RsaOaep),
                enc_bits: Some(bits),
                ..KeyOptions::default()
            };
            assert!(matches!(plan(&enc), Err(OptionsError::EncBits(_))), "{bits}");
        }
    }

    #[test]
    fn rsa1_5_needs_the_server_s_permission() {
        let options =
            KeyOptions { enc_alg: Some(KeyManagementAlgorithm::DangerRsa15), ..KeyOptions::default() };
        assert_eq!(plan(&options).unwrap_err(), OptionsError::Rsa15NotAllowed);
        let allowed = KeyDefaults { allow_rsa1_5: true, ..KeyDefaults::default() };
        assert!(KeyPlan::for_registration(&"shop".parse().unwrap(), &options, &allowed).is_ok());
    }

    #[test]
    fn access_tokens_do_not_outlive_refresh_tokens() {
        let options = KeyOptions { auth_ttl: Some(Ttl::from_hours(721)), ..KeyOptions::default() };
        assert!(matches!(plan(&options), Err(OptionsError::TtlOrder { .. })));
    }

    #[test]
    fn the_maxima_hold_for_whoever_asks_and_cut_what_is_left_out() {
        let hours = |hours| Some(Ttl::from_hours(hours));
        let maxima = Maxima { auth_ttl: hours(1), refresh_ttl: hours(10), expiry: hours(100) };
        let defaults = KeyDefaults { maxima, ..KeyDefaults::default() };
        let plan =
            |options: &KeyOptions| KeyPlan::for_registration(&"shop".parse().unwrap(), options, &defaults);
        let cut = plan(&KeyOptions::default()).unwrap();
        assert_eq!((cut.policy.auth_ttl, cut.policy.refresh_ttl), (Ttl::from_hours(1), Ttl::from_hours(10)));
        assert_eq!(cut.expiry, Ttl::from_hours(100).as_duration());
        for (member, options) in [
            ("auth_ttl", KeyOptions { auth_ttl: hours(2), ..KeyOptions::default() }),
            ("refresh_ttl", KeyOptions { refresh_ttl: hours(11), ..KeyOptions::default() }),
            ("expiry", KeyOptions { expiry: hours(101), ..KeyOptions::default() }),
        ] {
            let refused = plan(&options).unwrap_err();
            assert!(matches!(refused, OptionsError::BeyondMaximum { member: found, .. } if found == member));
        }
        let set = cut.generate(&Env::system()).unwrap();
        let lower = Maxima { auth_ttl: hours(1), refresh_ttl: hours(5), expiry: hours(50) };
        let defaults = KeyDefaults { maxima: lower, ..KeyDefaults::default() };
        let renewal = KeyPlan::for_renewal(&set, &KeyOptions::default(), &defaults).unwrap();
        assert_eq!(renewal.policy.refresh_ttl, Ttl::from_hours(5));
        assert_eq!(renewal.expiry, Ttl::from_hours(50).as_duration());
    }

    #[test]
    fn names_have_limits() {
        for options in [
            KeyOptions { issuer: Some(String::new()), ..KeyOptions::default() },
            KeyOptions { issuer: Some("x".repeat(513)), ..KeyOptions::default() },
            KeyOptions { audience: Some(vec!["x".to_owned(); 17]), ..KeyOptions::default() },
            KeyOptions { audience: Some(vec![String::new()]), ..KeyOptions::default() },
        ] {
            assert!(matches!(plan(&options), Err(OptionsError::Name { .. })));
        }
    }

    #[test]
    fn a_renewal_keeps_what_it_does_not_change() {
        let options = KeyOptions {
            sig_alg: Some(SignatureAlgorithm::Es384),
            enc_alg: Some(KeyManagementAlgorithm::EcdhEs),
            enc_bits: Some(384),
            expiry: Some(Ttl::from_hours(5)),
            refresh_strategy: Some(RefreshStrategy::RefreshBoth),
            ..KeyOptions::default()
        };
        let set = plan(&options).unwrap().generate(&Env::system()).unwrap();
        let renewal = KeyPlan::for_renewal(&set, &KeyOptions::default(), &KeyDefaults::default()).unwrap();
        assert_eq!((renewal.sig_alg, renewal.sig_bits), (SignatureAlgorithm::Es384, 384));
        assert_eq!((renewal.enc_alg, renewal.enc_bits), (KeyManagementAlgorithm::EcdhEs, 384));
        assert_eq!(renewal.expiry, Duration::from_secs(5 * 3600));
        assert_eq!(renewal.policy, set.policy);
        let changed = KeyOptions { sig_alg: Some(SignatureAlgorithm::Es256), ..KeyOptions::default() };
        let renewal = KeyPlan::for_renewal(&set, &changed, &KeyDefaults::default()).unwrap();
        assert_eq!(renewal.sig_bits, 256);
    }
}

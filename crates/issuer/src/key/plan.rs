//! Which keys to make: the options of a request, checked, with the gaps filled from defaults or from an earlier plan.

use std::borrow::Cow;
use std::time::Duration;

use jwtis_base::client_id::ClientId;
use jwtis_base::env::Env;
use jwtis_base::ttl::Ttl;
use jwtis_jose::{
    ContentEncryption, DecryptionKey, KeyError, KeyManagementAlgorithm, SignatureAlgorithm, SigningKey,
};
use serde::{Deserialize, Serialize};

use super::{KeySet, MIN_RSA_BITS};
use crate::policy::{RefreshStrategy, TokenPolicy};

/// Longest `iss` or `aud` value that a client can register, in bytes.
pub const MAX_NAME_BYTES: usize = 512;
/// Most `aud` values that a client can register.
pub const MAX_AUDIENCES: usize = 16;

/// The options of `/register` and `/renew_keys`. All of them may be left out.
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

/// The longest lives that anybody can have. `None` sets no limit.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "as in KeyOptions")]
pub struct Maxima {
    pub auth_ttl: Option<Ttl>,
    pub refresh_ttl: Option<Ttl>,
    pub expiry: Option<Ttl>,
}

impl Maxima {
    /// The policy of a client's keys within these maxima, which may have come after the keys.
    pub(crate) fn limit<'p>(&self, policy: &'p TokenPolicy) -> Cow<'p, TokenPolicy> {
        let within = |life: Ttl, most: Option<Ttl>| most.map_or(life, |most| life.min(most));
        let refresh_ttl = within(policy.refresh_ttl, self.refresh_ttl);
        let auth_ttl = within(within(policy.auth_ttl, self.auth_ttl), self.refresh_ttl);
        if (auth_ttl, refresh_ttl) == (policy.auth_ttl, policy.refresh_ttl) {
            return Cow::Borrowed(policy);
        }
        Cow::Owned(TokenPolicy { auth_ttl, refresh_ttl, ..policy.clone() })
    }
}

/// The server's choice for every option that a registration leaves out.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as in KeyOptions")]
pub struct KeyDefaults {
    pub sig_alg: SignatureAlgorithm,
    pub sig_bits: Option<u32>,
    pub enc_alg: KeyManagementAlgorithm,
    pub enc_bits: Option<u32>,
    pub cont_enc: ContentEncryption,
    pub expiry: Ttl,
    pub auth_ttl: Ttl,
    pub refresh_ttl: Ttl,
    pub refresh_strategy: RefreshStrategy,
    pub allow_rsa1_5: bool,
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

impl KeyDefaults {
    /// Whether keys of this algorithm make no tokens. Those that there are still open old tokens: decryption hides failures
    /// (RFC 7516 §11.5).
    pub(crate) fn forbids(&self, enc_alg: KeyManagementAlgorithm) -> bool {
        enc_alg == KeyManagementAlgorithm::DangerRsa15 && !self.allow_rsa1_5
    }
}

/// Options without gaps or contradictions, from which keys can be made.
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
#[expect(missing_docs, reason = "the messages explain")]
pub enum OptionsError {
    #[error("sig_bits: {0}")]
    SigBits(jwtis_jose::BitsError),
    #[error("enc_bits: {0}")]
    EncBits(jwtis_jose::BitsError),
    #[error(
        "enc_alg: RSA1_5 is unsafe and switched off; choose RSA-OAEP-256 or ECDH-ES+A256KW, or start the server with --allow-rsa1_5"
    )]
    Rsa15NotAllowed,
    #[error(
        "auth_ttl ({auth}) is longer than refresh_ttl ({refresh}): a refresh token must live at least as long as the access token beside it"
    )]
    TtlOrder { auth: Ttl, refresh: Ttl },
    #[error("{member}: {asked} is longer than this server allows, which is {most}")]
    BeyondMaximum { member: &'static str, asked: Ttl, most: Ttl },
    #[error(
        "{member}: a client cannot go beyond what it was registered with; only the admin can change that"
    )]
    NotGranted { member: &'static str },
    #[error("{member}: give 1 to {MAX_NAME_BYTES} bytes each, and at most {MAX_AUDIENCES} audiences")]
    Name { member: &'static str },
}

impl KeyPlan {
    /// The plan for a client that registers.
    ///
    /// # Errors
    /// Names the option that is refused.
    pub fn for_registration(
        client: &ClientId,
        options: &KeyOptions,
        defaults: &KeyDefaults,
    ) -> Result<Self, OptionsError> {
        let base = Self {
            sig_alg: defaults.sig_alg,
            sig_bits: defaults.sig_bits.unwrap_or_else(|| defaults.sig_alg.default_bits()),
            enc_alg: defaults.enc_alg,
            enc_bits: defaults.enc_bits.unwrap_or_else(|| defaults.enc_alg.default_bits()),
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
        base.changed(options, defaults)
    }

    /// This plan with `options`. What they leave out stays, cut to the server's maxima, but an encryption algorithm that is switched off
    /// gives way to the default one. The life of the key set is counted anew.
    ///
    /// # Errors
    /// Names the option that is refused.
    pub(crate) fn changed(self, options: &KeyOptions, defaults: &KeyDefaults) -> Result<Self, OptionsError> {
        let sig_alg = options.sig_alg.unwrap_or(self.sig_alg);
        let kept = (sig_alg == self.sig_alg).then_some(self.sig_bits);
        let sig_bits = options.sig_bits.or(kept).unwrap_or_else(|| sig_alg.default_bits());
        sig_alg.check_bits(sig_bits).map_err(OptionsError::SigBits)?;

        let (kept_alg, kept_bits) = if defaults.forbids(self.enc_alg) {
            (defaults.enc_alg, defaults.enc_bits.unwrap_or_else(|| defaults.enc_alg.default_bits()))
        } else {
            (self.enc_alg, self.enc_bits)
        };
        let enc_alg = options.enc_alg.unwrap_or(kept_alg);
        let kept = (enc_alg == kept_alg).then_some(kept_bits);
        let enc_bits = options.enc_bits.or(kept).unwrap_or_else(|| enc_alg.default_bits());
        if defaults.forbids(enc_alg) {
            return Err(OptionsError::Rsa15NotAllowed);
        }
        enc_alg.check_bits(enc_bits).map_err(OptionsError::EncBits)?;

        let maxima = &defaults.maxima;
        let kept = maxima.limit(&self.policy).into_owned();
        let policy = TokenPolicy {
            auth_ttl: within("auth_ttl", options.auth_ttl, maxima.auth_ttl)?.unwrap_or(kept.auth_ttl),
            refresh_ttl: within("refresh_ttl", options.refresh_ttl, maxima.refresh_ttl)?
                .unwrap_or(kept.refresh_ttl),
            refresh_strategy: options.refresh_strategy.unwrap_or(kept.refresh_strategy),
            issuer: options.issuer.clone().unwrap_or(kept.issuer),
            audience: options.audience.clone().unwrap_or(kept.audience),
        };
        let expiry = within("expiry", options.expiry, maxima.expiry)?.map(Ttl::as_duration);
        let most = maxima.expiry.map_or(Duration::MAX, Ttl::as_duration);
        let expiry = expiry.unwrap_or(self.expiry.min(most));
        check_policy(&policy)?;
        let cont_enc = options.cont_enc.unwrap_or(self.cont_enc);
        Ok(Self { sig_alg, sig_bits, enc_alg, enc_bits, cont_enc, expiry, policy })
    }

    /// Whether making the keys would hold up other requests: RSA does.
    pub(crate) fn is_slow(&self) -> bool {
        self.sig_bits >= MIN_RSA_BITS || self.enc_bits >= MIN_RSA_BITS
    }

    /// Makes the keys. Elliptic curve keys take 50 µs; RSA keys take up to seconds, so make them where they block nobody.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub(crate) fn generate(self, env: &Env) -> Result<KeySet, KeyError> {
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

    fn hours(hours: u64) -> Option<Ttl> {
        Some(Ttl::from_hours(hours))
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
    fn refuses_options_and_names_what_is_wrong() {
        let none = KeyOptions::default;
        let sig = |alg, bits| KeyOptions { sig_alg: Some(alg), sig_bits: Some(bits), ..none() };
        let enc = |alg, bits| KeyOptions { enc_alg: Some(alg), enc_bits: Some(bits), ..none() };
        let issuer = |name: String| KeyOptions { issuer: Some(name), ..none() };
        let audience = |names: Vec<String>| KeyOptions { audience: Some(names), ..none() };
        let rsa15 = KeyOptions { enc_alg: Some(KeyManagementAlgorithm::DangerRsa15), ..none() };
        let mut cases = vec![
            (sig(SignatureAlgorithm::Es512, 512), "521"),
            (rsa15.clone(), "--allow-rsa1_5"),
            (KeyOptions { auth_ttl: hours(721), ..none() }, "auth_ttl (721h0m0s) is longer"),
            (issuer(String::new()), "issuer: "),
            (issuer("x".repeat(513)), "issuer: "),
            (audience(vec!["x".to_owned(); 17]), "audience: "),
            (audience(vec![String::new()]), "audience: "),
        ];
        for bits in [0, 1024, 2047, 4097, 16384] {
            cases.push((sig(SignatureAlgorithm::Ps256, bits), "sig_bits: "));
            cases.push((enc(KeyManagementAlgorithm::RsaOaep, bits), "enc_bits: "));
        }
        for (options, wanted) in cases {
            let refusal = plan(&options).unwrap_err().to_string();
            assert!(refusal.contains(wanted), "{options:?}: {refusal}");
        }
        let allowed = KeyDefaults { allow_rsa1_5: true, ..KeyDefaults::default() };
        assert!(KeyPlan::for_registration(&"shop".parse().unwrap(), &rsa15, &allowed).is_ok());
    }

    #[test]
    fn the_maxima_refuse_what_is_asked_for_and_cut_what_is_left_out() {
        let none = KeyOptions::default;
        let within = |auth_ttl, refresh_ttl, expiry| KeyDefaults {
            maxima: Maxima { auth_ttl, refresh_ttl, expiry },
            ..KeyDefaults::default()
        };
        let lives = |plan: &KeyPlan| [plan.policy.auth_ttl, plan.policy.refresh_ttl].map(Some);
        let defaults = within(hours(1), hours(10), hours(100));
        let plan = |options| KeyPlan::for_registration(&"shop".parse().unwrap(), &options, &defaults);
        let cut = plan(none()).unwrap();
        assert_eq!((lives(&cut), cut.expiry), ([hours(1), hours(10)], Duration::from_secs(100 * 3600)));
        assert!(plan(KeyOptions { auth_ttl: hours(1), ..none() }).is_ok(), "the maximum itself");
        for (member, options) in [
            ("auth_ttl", KeyOptions { auth_ttl: hours(2), ..none() }),
            ("refresh_ttl", KeyOptions { refresh_ttl: hours(11), ..none() }),
            ("expiry", KeyOptions { expiry: hours(101), ..none() }),
        ] {
            let refused = plan(options).unwrap_err();
            assert!(matches!(refused, OptionsError::BeyondMaximum { member: found, .. } if found == member));
        }
        let lower = within(hours(1), hours(5), hours(50));
        let renewal = cut.changed(&none(), &lower).unwrap();
        assert_eq!((lives(&renewal), renewal.expiry), ([hours(1), hours(5)], Duration::from_secs(50 * 3600)));
        let shortest = renewal.changed(&none(), &within(None, hours(0), None)).unwrap();
        assert_eq!(lives(&shortest), [hours(0), hours(0)], "no access token outlives its refresh token");
    }

    #[test]
    fn an_algorithm_that_is_switched_off_gives_way_to_the_default_one() {
        use KeyManagementAlgorithm::{DangerRsa15, EcdhEs, RsaOaep256};
        let rsa15 = KeyOptions { enc_alg: Some(DangerRsa15), ..KeyOptions::default() };
        let on = KeyDefaults { allow_rsa1_5: true, ..KeyDefaults::default() };
        let off = KeyDefaults { enc_alg: EcdhEs, enc_bits: Some(384), ..KeyDefaults::default() };
        let plan = KeyPlan::for_registration(&"shop".parse().unwrap(), &rsa15, &on).unwrap();
        let renewed = |options: &KeyOptions, defaults| {
            plan.clone().changed(options, defaults).map(|plan| (plan.enc_alg, plan.enc_bits))
        };
        assert_eq!(renewed(&KeyOptions::default(), &off), Ok((EcdhEs, 384)));
        let named = KeyOptions { enc_alg: Some(RsaOaep256), ..KeyOptions::default() };
        assert_eq!(renewed(&named, &off), Ok((RsaOaep256, 2048)));
        assert_eq!(renewed(&rsa15, &off), Err(OptionsError::Rsa15NotAllowed));
        assert_eq!(renewed(&KeyOptions::default(), &on), Ok((DangerRsa15, 2048)));
    }

    #[test]
    fn a_renewal_keeps_what_it_does_not_change() {
        let options = KeyOptions {
            sig_alg: Some(SignatureAlgorithm::Es384),
            enc_alg: Some(KeyManagementAlgorithm::EcdhEs),
            enc_bits: Some(384),
            expiry: hours(5),
            refresh_strategy: Some(RefreshStrategy::RefreshBoth),
            ..KeyOptions::default()
        };
        let keys = plan(&options).unwrap().generate(&Env::system()).unwrap();
        let renewed = |options| KeyPlan::of(&keys).changed(&options, &KeyDefaults::default()).unwrap();
        let same = renewed(KeyOptions::default());
        assert_eq!((same.sig_alg, same.sig_bits), (SignatureAlgorithm::Es384, 384));
        assert_eq!((same.enc_alg, same.enc_bits), (KeyManagementAlgorithm::EcdhEs, 384));
        assert_eq!((same.expiry, same.policy), (Duration::from_secs(5 * 3600), keys.policy.clone()));
        let changed =
            renewed(KeyOptions { sig_alg: Some(SignatureAlgorithm::Es256), ..KeyOptions::default() });
        assert_eq!(changed.sig_bits, 256);
    }
}

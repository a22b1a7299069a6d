//! The grant of a client: the most that it may ask for when it renews its own keys.
//!
//! The grant is the plan of the registration, or of the admin's latest renewal. A stolen client token must not buy its thief longer
//! lives, another issuer or weaker keys.

use jwtis_jose::KeyManagementAlgorithm;

use super::KeySet;
use super::plan::{KeyOptions, KeyPlan, OptionsError};

impl KeyPlan {
    /// The plan by which `keys` could have been made.
    pub(crate) fn of(keys: &KeySet) -> Self {
        Self {
            sig_alg: keys.signing.algorithm(),
            sig_bits: keys.signing.public_jwk().bits(),
            enc_alg: keys.encryption.algorithm(),
            enc_bits: keys.encryption.public_jwk().bits(),
            cont_enc: keys.content,
            expiry: keys.expires_at.since(keys.created_at),
            policy: keys.policy.clone(),
        }
    }

    /// Refuses a client's plan that goes beyond its grant. `options` are those that the client gave.
    pub(crate) fn check_granted(&self, granted: &Self, options: &KeyOptions) -> Result<(), OptionsError> {
        let (asked, most) = (&self.policy, &granted.policy);
        let checks = [
            ("auth_ttl", asked.auth_ttl <= most.auth_ttl),
            ("refresh_ttl", asked.refresh_ttl <= most.refresh_ttl),
            ("expiry", options.expiry.is_none() || self.expiry <= granted.expiry),
            ("refresh_strategy", asked.refresh_strategy >= most.refresh_strategy),
            // Verifiers rely on these two.
            ("issuer", asked.issuer == most.issuer),
            ("audience", asked.audience == most.audience),
            ("sig_alg", strength(self.sig_bits) >= strength(granted.sig_bits)),
            ("enc_alg", self.encryption_strength() >= granted.encryption_strength()),
            ("cont_enc", self.cont_enc.key_len() >= granted.cont_enc.key_len()),
        ];
        match checks.into_iter().find(|(_, granted)| !granted) {
            None => Ok(()),
            Some((member, _)) => Err(OptionsError::NotGranted { member }),
        }
    }

    /// Strength in bits of the weakest step to the content key.
    fn encryption_strength(&self) -> u32 {
        let wrapping = match self.enc_alg {
            KeyManagementAlgorithm::DangerRsa15 => 0,
            KeyManagementAlgorithm::EcdhEsA128Kw => 128,
            KeyManagementAlgorithm::EcdhEsA192Kw => 192,
            KeyManagementAlgorithm::RsaOaep
            | KeyManagementAlgorithm::RsaOaep256
            | KeyManagementAlgorithm::EcdhEs
            | KeyManagementAlgorithm::EcdhEsA256Kw => 256,
        };
        strength(self.enc_bits).min(wrapping)
    }
}

/// Strength of a key in bits (NIST SP 800-57 part 1, table 2): half of a curve's size; 112 for RSA 2048, 128 for RSA 3072.
const fn strength(bits: u32) -> u32 {
    match bits {
        0..2048 => bits / 2,
        2048..3072 => 112,
        3072..4096 => 128,
        _ => 140,
    }
}

#[cfg(test)]
mod tests {
    use jwtis_jose::{ContentEncryption, SignatureAlgorithm};

    use jwtis_base::ttl::Ttl;

    use super::*;
    use crate::key::plan::KeyDefaults;
    use crate::policy::RefreshStrategy;

    /// Whether a client that was registered with `granted` may ask for `options`; the member that is refused.
    fn refused(granted: KeyOptions, options: KeyOptions) -> Option<&'static str> {
        let defaults = KeyDefaults { allow_rsa1_5: true, ..KeyDefaults::default() };
        let client = "shop".parse().unwrap();
        let granted = KeyPlan::for_registration(&client, &granted, &defaults).unwrap();
        let plan = KeyPlan::for_registration(&client, &options, &defaults).unwrap();
        match plan.check_granted(&granted, &options) {
            Ok(()) => None,
            Err(OptionsError::NotGranted { member }) => Some(member),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_a_client_may_ask_for_by_name() {
        use KeyManagementAlgorithm as Enc;
        use SignatureAlgorithm as Sig;
        let none = KeyOptions::default;
        let auth = |hours| KeyOptions { auth_ttl: Some(Ttl::from_hours(hours)), ..none() };
        let refresh = |hours| KeyOptions { refresh_ttl: Some(Ttl::from_hours(hours)), ..none() };
        let expiry = |hours| KeyOptions { expiry: Some(Ttl::from_hours(hours)), ..none() };
        let strategy = |strategy| KeyOptions { refresh_strategy: Some(strategy), ..none() };
        let issuer = |name: &str| KeyOptions { issuer: Some(name.to_owned()), ..none() };
        let audience = |names: &[&str]| KeyOptions {
            audience: Some(names.iter().map(|&name| name.to_owned()).collect()),
            ..none()
        };
        let sig = |alg| KeyOptions { sig_alg: Some(alg), ..none() };
        let rsa = |bits| KeyOptions { sig_bits: Some(bits), ..sig(Sig::Rs256) };
        let enc = |alg| KeyOptions { enc_alg: Some(alg), ..none() };
        let content = |enc| KeyOptions { cont_enc: Some(enc), ..none() };
        for (name, granted, options, wanted) in [
            ("nothing", none(), none(), None),
            ("a_shorter_access_token", none(), auth(71), None),
            ("a_longer_access_token", none(), auth(73), Some("auth_ttl")),
            ("a_shorter_refresh_token", none(), refresh(700), None),
            ("a_longer_refresh_token", none(), refresh(721), Some("refresh_ttl")),
            ("shorter_keys", none(), expiry(4000), None),
            ("longer_keys", none(), expiry(4321), Some("expiry")),
            ("a_stricter_strategy", none(), strategy(RefreshStrategy::RefreshBoth), None),
            (
                "a_weaker_strategy",
                strategy(RefreshStrategy::RefreshBoth),
                strategy(RefreshStrategy::RefreshOnExpire),
                Some("refresh_strategy"),
            ),
            ("the_same_issuer", issuer("a"), issuer("a"), None),
            ("another_issuer", none(), issuer("bank"), Some("issuer")),
            ("the_same_audience", audience(&["a"]), audience(&["a"]), None),
            ("another_audience", audience(&["a"]), audience(&["b"]), Some("audience")),
            ("no_audience_any_more", audience(&["a"]), audience(&[]), Some("audience")),
            ("an_audience_at_all", none(), audience(&["a"]), Some("audience")),
            ("another_curve_of_the_same_strength", none(), sig(Sig::EdDsa), None),
            ("a_stronger_curve", none(), sig(Sig::Es512), None),
            ("a_weaker_curve", sig(Sig::Es384), sig(Sig::Es256), Some("sig_alg")),
            ("a_weaker_family", none(), sig(Sig::Rs256), Some("sig_alg")),
            ("a_stronger_family", sig(Sig::Rs256), none(), None),
            ("smaller_rsa_keys", rsa(3072), rsa(2048), Some("sig_alg")),
            ("smaller_rsa_keys_than_the_largest", rsa(4096), rsa(3072), Some("sig_alg")),
            ("larger_rsa_keys", rsa(3072), rsa(4096), None),
            ("rsa1_5", enc(Enc::RsaOaep256), enc(Enc::DangerRsa15), Some("enc_alg")),
            ("rsa1_5_that_was_granted", enc(Enc::DangerRsa15), enc(Enc::DangerRsa15), None),
            ("a_smaller_wrapping_key_on_the_same_curve", none(), enc(Enc::EcdhEsA128Kw), None),
            ("a_weaker_encryption_key", none(), enc(Enc::RsaOaep256), Some("enc_alg")),
            ("weaker_content", none(), content(ContentEncryption::A128Gcm), Some("cont_enc")),
            ("stronger_content", content(ContentEncryption::A128Gcm), none(), None),
        ] {
            assert_eq!(refused(granted, options), wanted, "{name}");
        }
    }
}

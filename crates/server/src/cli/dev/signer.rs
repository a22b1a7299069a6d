//! The signer of `jwtis dev --signer`: a new key, a policy, a login user, tokens of the demo's issuer, and lines that show them.

use std::error::Error;
use std::sync::Arc;

use jwtis_base::{ClientId, Env};
use jwtis_issuer::Issuer;
use jwtis_signer::Vault;
use jwtis_signer::login::{CredentialsConfig, TokenGuard, TrustedIssuer, UserConfig};
use jwtis_signer::rules::{Guard, KeyRules, Rules};
use jwtis_signer::vault::software::SoftwareVault;
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::{Signer, SignerParts};
use jwtis_tezos::policy::{Allow, AllowWords, Policy};
use jwtis_tezos::watermark::JumpRules;
use jwtis_tezos::{Curve, PublicKeyHash, SecretKey};
use zeroize::Zeroizing;

use crate::app::trusted::OwnIssuer;
use crate::cli::{Failure, password};

/// The login user.
const USER: &str = "bob";
/// What the rules for credentials ask for, in front of what is random.
const ALL_KINDS_OF_CHARACTERS: &str = "Aa1-";

/// A signer, and what the lines need.
pub(super) struct DemoSigner {
    pub(super) signer: Signer,
    key: PublicKeyHash,
    password: Zeroizing<String>,
}

impl DemoSigner {
    /// A signer that takes tokens of `client`, and a login.
    pub(super) fn prepare(issuer: &Issuer, client: &ClientId) -> Result<Self, Failure> {
        let failed = |error: &dyn Error| Failure::refused("the demo cannot be prepared").because(error);
        let env = issuer.env().clone();
        let key = SecretKey::generate(Curve::Ed25519).map_err(|e| failed(&e))?;
        let pkh = key.public_key().hash();
        let (password, secret) = (credential(&env)?, credential(&env)?);
        let user = UserConfig {
            name: USER.to_owned(),
            current: CredentialsConfig { password: password.clone(), secret, jwt_exp: 0 },
            new: None,
            old_cred_exp: None,
        };
        let trusted = TrustedIssuer { client: client.clone(), registration: None, audience: None };
        let (guard, _) = TokenGuard::new(vec![user], vec![trusted], &env).map_err(|faults| {
            Failure::refused("the demo cannot be prepared").details(faults.iter().map(ToString::to_string))
        })?;
        let rules = KeyRules {
            policy: Policy { allow: allow(), ..Policy::default() },
            log_payloads: false,
            ..KeyRules::default()
        };
        let parts = SignerParts {
            env,
            rules: Rules {
                guard: Guard::Tokens(guard),
                keys: [(pkh, rules)].into(),
                known_keys: true,
                // It is for sandboxes, whose levels go as fast as they like.
                jumps: JumpRules::off(),
                ..Rules::default()
            },
            vaults: vec![Vault {
                name: "demo".to_owned(),
                backend: Arc::new(SoftwareVault::new("Mem", vec![Arc::new(key)])),
            }],
            watermarks: Arc::new(MemWatermarks::default()),
            store: Some(issuer.store().clone()),
            issuer: Some(Arc::new(OwnIssuer(issuer.clone()))),
        };
        Ok(Self { signer: Signer::new(parts), key: pkh, password })
    }

    /// Each line runs as it stands, in this order. `token` is one of the demo's issuer; the line `revoke` revokes it.
    pub(super) fn lines(&self, url: &str, token: &str, revoke: &str) -> String {
        let (key, password) = (&self.key, self.password.as_str());
        let sign = |message: &str| {
            format!("curl -sS {url}/keys/{key} -H 'Authorization: Bearer {token}' -d '\"{message}\"'")
        };
        let (transfer, delegation) = (sign(&self.transfer()), sign(&self.delegation()));
        let (attestation, second) = (sign(&attestation(0x11)), sign(&attestation(0x22)));
        format!(
            "The signer holds the Tezos key {key}. It takes tokens of the client above, and the login of `{USER}`.

  export JWTIS_SIGNER_URL='{url}'
  export JWTIS_LOGIN_USER='{USER}'
  export JWTIS_LOGIN_PASSWORD='{password}'

# the public key
curl -sS {url}/keys/{key} -H 'Authorization: Bearer {token}'

# sign a transfer of 1 tez from the key to itself
{transfer}

# refused by the policy of the key, which allows transactions and reveals only
{delegation}

# sign an attestation of level 100 ...
{attestation}

# ... and refuse another one of that level: it would cost the stake
{second}

# log in as a user of Signatory would, for a token of the signer's own
curl -sS -X POST {url}/login -H 'username: {USER}' -H 'password: {password}'
jwtis login

# revoke the token that the lines with `Authorization` carry, then try one of them again
{revoke}
"
        )
    }

    /// A batch of one transaction, as a client forges it.
    fn transfer(&self) -> String {
        let source = hex(&self.key.to_tagged());
        // Kind 108; fee, counter, gas and storage limits as zarith numbers; 1,000,000 mutez; an implicit destination; no parameters.
        let operation = format!("6c{source}e80701e80700c0843d00{source}00");
        format!("03{}{operation}", branch())
    }

    /// A batch that withdraws the key's delegation.
    fn delegation(&self) -> String {
        format!("03{}6e{}e80701e8070000", branch(), hex(&self.key.to_tagged()))
    }
}

/// An attestation of level 100 with a payload of one byte repeated.
fn attestation(payload: u8) -> String {
    // The network NetXo5iVw1vBoxM; kind 21, slot 7, level 100, round 0.
    format!("13b3d79f99{}1500070000006400000000{}", branch(), hex(&[payload; 32]))
}

/// The block that operations name as their past.
fn branch() -> String {
    hex(&[0; 32])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn allow() -> Allow {
    let generic = Some(vec!["transaction".to_owned(), "reveal".to_owned()]);
    let words = AllowWords {
        allow: Some(
            [("generic", generic), ("block", None), ("preattestation", None), ("attestation", None)]
                .map(|(kind, operations)| (kind.to_owned(), operations))
                .into(),
        ),
        ..AllowWords::default()
    };
    words.resolve().map(|(allow, _)| allow).unwrap_or_default()
}

fn credential(env: &Env) -> Result<Zeroizing<String>, Failure> {
    let random = password::generate(env)
        .map_err(|error| Failure::refused("the demo cannot be prepared").because(&error))?;
    let mut credential = Zeroizing::new(String::with_capacity(64));
    credential.push_str(ALL_KINDS_OF_CHARACTERS);
    credential.push_str(&random);
    Ok(credential)
}

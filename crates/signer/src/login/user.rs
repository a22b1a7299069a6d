//! A user: what the configuration says of them, checked, and what is good at some moment.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jwtis_base::Ttl;
use jwtis_base::env::Timestamp;
use jwtis_jose::HmacKey;
use zeroize::Zeroizing;

use super::password::{Argon2Hash, HashFault, LoginPassword, is_hash, sha256};
use super::rotation::{InForce, Rotating, parse_moment};
use super::strength::{password_faults, secret_faults};

/// A user as configured.
pub struct UserConfig {
    /// The name.
    pub name: String,
    /// The credentials in force.
    pub current: CredentialsConfig,
    /// The credentials after `old_cred_exp`, or at once where that is not given.
    pub new: Option<CredentialsConfig>,
    /// `YYYY-MM-DD hh:mm:ss`, UTC. Ignored without [`Self::new`].
    pub old_cred_exp: Option<String>,
}

/// One pair of credentials as configured.
pub struct CredentialsConfig {
    /// A plain password, or an Argon2id PHC string. The rules for passwords cannot be applied to what is behind a PHC string:
    /// `jwtis hash-password` looks before it hashes.
    pub password: Zeroizing<String>,
    /// The key of the user's tokens: raw UTF-8 bytes.
    pub secret: Zeroizing<String>,
    /// Minutes that a token lives; 0 means 60.
    pub jwt_exp: u32,
}

/// Life of tokens where the configuration says 0, in minutes.
const DEFAULT_MINUTES: u32 = 60;

/// A user whose credentials have been checked.
pub(crate) struct LoginUser {
    name: String,
    credentials: Rotating<LoginPair>,
    /// Whether `new_data` replaces, or has replaced, the first pair.
    is_replaced: bool,
}

/// One pair of credentials.
pub(crate) struct LoginPair {
    pub(super) password: LoginPassword,
    /// The key of the tokens.
    pub(crate) key: HmacKey,
    /// Tells whether a token was made with this key.
    pub(crate) secret_hash: LoginSecretHash,
    /// How long tokens live.
    pub(super) token_life: Duration,
    /// Whether the configuration says how long.
    gives_life: bool,
}

/// What the configuration says about the life of one pair's tokens.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum TokenLife {
    Default,
    Shorter,
    /// As the default, or longer.
    Longer,
}

/// SHA-256 of a secret, to know it again.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) struct LoginSecretHash([u8; 32]);

impl fmt::Debug for LoginSecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginSecretHash")
    }
}

impl LoginUser {
    /// The user, and what the operator should know about them; or everything that is wrong with their entry.
    pub(super) fn new(config: &UserConfig, now: Timestamp) -> Result<(Self, Vec<String>), Vec<String>> {
        let name = &config.name;
        let mut faults = Vec::new();
        if name.is_empty() {
            faults.push("JWT: a user has an empty name".to_owned());
        }
        let mut checked = |config: &CredentialsConfig, of: &str| {
            let told = |reason| format!("JWT: config validation failed for {of}user {name}: {reason}");
            LoginPair::new(config).map_err(|reasons| faults.extend(reasons.into_iter().map(told))).ok()
        };
        let current = checked(&config.current, "");
        let new = config.new.as_ref().map(|new| (new, checked(new, "new credentials of ")));
        if let (Some(current), Some((new_config, Some(new)))) = (&current, &new)
            && are_same(&config.current, current, new_config, new)
        {
            faults.push(format!("JWT: new credentials are same as old for user {name}"));
        }
        let old_until = config.old_cred_exp.as_deref().filter(|text| new.is_some() && !text.is_empty());
        let moment = old_until.and_then(parse_moment);
        if let (Some(text), None) = (old_until, moment) {
            let text: String = text.chars().take(40).collect();
            faults.push(format!(
                "JWT: invalid old_cred_exp format for user {name}: {text:?} is not of the form \"YYYY-MM-DD hh:mm:ss\" (UTC)"
            ));
        }
        let (Some(current), true) = (current, faults.is_empty()) else { return Err(faults) };

        let mut notices = Vec::new();
        if [Some(&config.current), config.new.as_ref()].into_iter().flatten().any(has_outer_space) {
            notices.push(format!(
                "JWT: a password of user {name} begins or ends with a space, which no HTTP header can carry"
            ));
        }
        let is_replaced = new.is_some();
        let credentials = match (new.and_then(|(_, new)| new), moment) {
            (None, _) => Rotating::fixed(current),
            (Some(new), Some(moment)) if now < moment => {
                let left = Ttl::from_seconds(moment.since(now).as_secs());
                notices.push(format!("JWT: Scheduled credential rotation for user {name} in {left}"));
                Rotating::until(current, new, moment)
            }
            (Some(new), moment) => {
                let passed = if moment.is_some() { " (expiry passed)" } else { "" };
                notices.push(format!("JWT: Applied new credentials for user {name}{passed}"));
                Rotating::fixed(new)
            }
        };
        Ok((Self { name: name.clone(), credentials, is_replaced }, notices))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The secret of `new_data`, where that is given.
    pub(crate) fn successor(&self) -> Option<LoginSecretHash> {
        self.is_replaced.then(|| self.last_secret())
    }

    /// What is said about the tokens of each pair, by its secret.
    pub(crate) fn lives(&self) -> impl Iterator<Item = (LoginSecretHash, TokenLife)> {
        self.credentials.all().map(|pair| (pair.secret_hash, pair.life()))
    }

    /// The secret that stays when the rotation is over.
    pub(crate) fn last_secret(&self) -> LoginSecretHash {
        self.credentials.last().secret_hash
    }

    /// The credentials that are good at `now`.
    pub(crate) fn in_force(&self, now: Timestamp) -> InForce<'_, LoginPair> {
        let found = self.credentials.at(now);
        if found.has_just_changed {
            tracing::info!(target: "jwtis::audit", user = self.name, "JWT: Rotated credentials for user {}", self.name);
        }
        found
    }

    /// Whether tokens that were made with this secret are the user's at `now`.
    pub(crate) fn has_secret(&self, secret: &LoginSecretHash, now: Timestamp) -> bool {
        let InForce { current, pending, .. } = self.in_force(now);
        current.secret_hash == *secret || pending.is_some_and(|pending| pending.secret_hash == *secret)
    }

    /// The password hashes: of the present password, and of the one after it where that is to come.
    pub(super) fn hashes(&self) -> Vec<&Arc<Argon2Hash>> {
        self.credentials.all().filter_map(|pair| pair.password.hash()).collect()
    }
}

impl LoginPair {
    fn new(config: &CredentialsConfig) -> Result<Self, Vec<String>> {
        let mut faults =
            if is_hash(&config.password) { Vec::new() } else { password_faults(&config.password) };
        let password = LoginPassword::parse(&config.password);
        faults.extend(password.as_ref().err().map(HashFault::to_string));
        faults.extend(secret_faults(&config.secret));
        let key = HmacKey::from_bytes(config.secret.as_bytes());
        let (Ok(password), Ok(key), true) = (password, key, faults.is_empty()) else { return Err(faults) };
        let minutes = if config.jwt_exp == 0 { DEFAULT_MINUTES } else { config.jwt_exp };
        let secret_hash = LoginSecretHash(*sha256(config.secret.as_bytes()));
        Ok(Self { password, key, secret_hash, token_life: life_of(minutes), gives_life: config.jwt_exp != 0 })
    }

    fn life(&self) -> TokenLife {
        match self.gives_life {
            false => TokenLife::Default,
            true if self.token_life < life_of(DEFAULT_MINUTES) => TokenLife::Shorter,
            true => TokenLife::Longer,
        }
    }
}

fn life_of(minutes: u32) -> Duration {
    Duration::from_secs(u64::from(minutes).saturating_mul(60))
}

/// One equal half is enough: who knows the old pair would know half of the new one.
fn are_same(
    old_config: &CredentialsConfig,
    old: &LoginPair,
    new_config: &CredentialsConfig,
    new: &LoginPair,
) -> bool {
    *old_config.secret == *new_config.secret
        || old.password.is_known_to_equal(&old_config.password, &new.password, &new_config.password)
}

fn has_outer_space(config: &CredentialsConfig) -> bool {
    config.password.trim_matches([' ', '\t']).len() != config.password.len()
}

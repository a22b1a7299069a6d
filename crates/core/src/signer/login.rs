//! Login users (§2): two pairs of credentials during a rotation, and the tokens that a login gives.

use std::net::IpAddr;

use zeroize::Zeroizing;

use super::Signer;
use crate::client::ClientId;
use crate::env::Env;

/// A user as configured (§2.4, §2.5).
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
    /// A plain password, or an Argon2id PHC string.
    pub password: Zeroizing<String>,
    /// The key of the user's tokens: raw UTF-8 bytes.
    pub secret: Zeroizing<String>,
    /// Minutes that a token lives; 0 means 60.
    pub jwt_exp: u32,
}

/// A client of our issuer whose tokens open the signer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedIssuer {
    /// The client.
    pub client: ClientId,
    /// What `aud` must contain.
    pub audience: Option<String>,
}

/// The users and issuers whose tokens are taken.
#[derive(Default)]
pub struct TokenGuard {
    _private: (),
}

impl TokenGuard {
    /// Checks the credentials (§2.4) and plans rotations (§2.5). The texts of the notices are for the log.
    ///
    /// # Errors
    /// Every fault of every user.
    pub fn new(
        _users: Vec<UserConfig>,
        _issuers: Vec<TrustedIssuer>,
        _env: &Env,
    ) -> Result<(Self, Vec<String>), Vec<UserFault>> {
        Ok((Self { _private: () }, Vec::new()))
    }

    /// Whether a user has this name, for a warning about `jwt_users`.
    #[must_use]
    pub fn has_user(&self, _name: &str) -> bool {
        false
    }
}

/// What is wrong with a user. `Display` is Signatory's text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct UserFault {
    /// The user.
    pub user: String,
    /// What is wrong.
    pub message: String,
}

/// Why a login gives no token. `Display` is the answer's plain text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoginError {
    /// 404: nobody logs in here.
    #[error("404 page not found")]
    NoLogin,
    /// 401: name or password is missing.
    #[error("username and password required")]
    Missing,
    /// 401: no such user, or a wrong password.
    #[error("Access denied")]
    Denied,
    /// 429: too many wrong passwords; `Retry-After` in seconds.
    #[error("too many failed logins; try again in {retry_after} s")]
    Paused {
        /// Seconds.
        retry_after: u64,
    },
    /// 500: no randomness, or the token could not be made.
    #[error("the token could not be made")]
    Internal,
}

impl Signer {
    /// Checks a name and a password and gives a token (§2.1).
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn login(
        &self,
        _username: Option<&str>,
        _password: Option<&str>,
        _source: IpAddr,
    ) -> Result<String, LoginError> {
        Err(LoginError::NoLogin)
    }
}

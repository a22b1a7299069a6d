//! Users and trusted issuers as configured.

use jwtis_base::client_id::ClientId;
use jwtis_base::registration_id::RegistrationId;
use zeroize::Zeroizing;

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
    /// A plain password, or an Argon2id PHC string. How good the password behind a PHC string is cannot be told, so §2.4 is not
    /// applied to it: `jwtis hash-password` looks before it hashes.
    pub password: Zeroizing<String>,
    /// The key of the user's tokens: raw UTF-8 bytes.
    pub secret: Zeroizing<String>,
    /// Minutes that a token lives; 0 means 60.
    pub jwt_exp: u32,
}

/// A client of our issuer whose tokens open the signer.
///
/// Whoever may issue tokens for the client names the user, by `sub`, and may name one who also logs in here: `jwt_users` lists names
/// and does not ask which way they came. So trust a client only as far as every key whose `jwt_users` it could satisfy. A token itself
/// is never taken for one of the other kind: those of logins are HS256 under the user's secret, those of issuers never are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedIssuer {
    /// The client.
    pub client: ClientId,
    /// The one registration of that name that is trusted. Without it, whoever holds the name is: after a deletion, and with open
    /// registration, that may be somebody else.
    pub registration: Option<RegistrationId>,
    /// What `aud` must contain. Without it tokens that name any audience are refused: they are for somebody else (RFC 7519 §4.1.3).
    pub audience: Option<String>,
}

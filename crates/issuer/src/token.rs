//! Tokens: an access token (compact JWS) and a refresh token (JWS inside a compact JWE) with the same claims.
//!
//! | | access token | refresh token |
//! |---|---|---|
//! | form | JWS | JWS inside JWE |
//! | `typ` of the JWS | `JWT` | `refresh+jwt` |
//! | `iss` `nbf` `iat` `sid` and the client's own claims | yes | the same |
//! | `exp`, `jti` | its own | its own |
//! | `gen` | no | generation of the session |
//!
//! The inner type is what keeps the two apart: whoever encrypts an access token to the client's public key has no refresh token.

pub mod claims;
pub mod issue;
mod mint;
mod open;
pub mod renew;
pub mod revoke;
mod set;
mod state;
pub mod verify;

pub use claims::ClaimsRefusal;
pub use mint::MintError;
pub use set::TokenSet;

/// Largest claims of a client, in bytes of compact JSON.
pub const MAX_CLAIMS_BYTES: usize = 16 * 1024;

/// No access token is longer than this: [`MAX_CLAIMS_BYTES`], the names of the client's issuer and audience and the server's claims in
/// base64url, beside the header and a signature of RSA with 4096 bits. A listener that takes shorter heads could not take what this
/// issuer makes.
pub const MAX_ACCESS_TOKEN_BYTES: usize = 36 * 1024;

/// `typ` of an access token.
pub(crate) const ACCESS_TYPE: &str = "JWT";
/// `typ` of the JWS inside a refresh token (RFC 8725 §3.11).
pub(crate) const REFRESH_TYPE: &str = "refresh+jwt";

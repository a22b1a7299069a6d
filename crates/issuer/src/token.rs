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
//! The inner type keeps the two apart: an access token that somebody encrypts to the client's public key is no refresh token.

pub mod claims;
pub mod issue;
mod mint;
mod open;
pub mod renew;
pub mod revoke;
mod state;
pub mod verify;

pub use claims::{ClaimsRefusal, MAX_ACCESS_TOKEN_BYTES, MAX_CLAIMS_BYTES};
pub use mint::{MintError, TokenSet};

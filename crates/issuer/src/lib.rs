//! The issuer: clients register, get their own key sets, and have tokens issued, renewed, verified and revoked.
//!
//! Nothing here knows HTTP, SQL or the command line. Each method of [`Issuer`] is one use case: it reads, applies a rule, commits, and only
//! then answers. Credentials become a proof, [`AdminAccess`] or [`ClientAccess`], which the use cases require. The rules are pure functions
//! with a table of named cases each:
//!
//! | Rule | Where |
//! |---|---|
//! | which keys a registration or a renewal makes | [`key::plan`], [`key::grant`] |
//! | states of a key set | [`key::rotation`] |
//! | renewals of tokens, generations and reuse | [`session::rule`] |
//! | claims that a client may set, and when tokens expire | [`token::claims`] |
//! | which time the clock has confirmed | [`clock`] |
//!
//! Time and randomness come from [`jwtis_base::Env`], storage from [`jwtis_store::Store`].

pub mod access;
pub mod client;
pub mod clock;
pub mod housekeeping;
mod issuer;
pub mod key;
pub mod policy;
pub mod session;
pub mod session_floor;
pub mod takeover;
pub mod token;

pub use access::{AccessError, AdminAccess, ClientAccess, Credentials, Recognised, RegistrationAccess};
pub use client::Client;
pub use client::summary::{ClientSummary, KeySetSummary};
pub use client::token_index::UpkeepError;
pub use issuer::clients::{ClientChangeError, ClientPage, ListError, MAX_PAGE, RegisterError, Registered};
pub use issuer::quota::MAX_UNPROVED_REVOCATIONS;
pub use issuer::{
    AdminTokenError, Issuer, IssuerSettings, KeyGenerationError, RenewKeysError, reset_kept_clock,
};
pub use key::plan::{KeyDefaults, KeyOptions, Maxima, OptionsError};
pub use key::{KeyRing, KeySet};
pub use policy::{RefreshStrategy, TokenPolicy};
pub use token::issue::{IssueError, IssueToken};
pub use token::renew::{RenewError, RenewToken};
pub use token::revoke::{RevokeError, RevokeTarget};
pub use token::verify::{Verification, VerificationError};
pub use token::{ClaimsRefusal, MAX_ACCESS_TOKEN_BYTES, MAX_CLAIMS_BYTES, MintError, TokenSet};

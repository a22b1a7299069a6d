//! The issuer: clients register, get key sets of their own, and have tokens issued, renewed, verified and revoked.
//!
//! Nothing here knows HTTP, SQL or the command line. [`Issuer`] is the door: each method is one use case, which fetches, applies a pure
//! rule, commits and only then answers. What a caller may do is shown by a proof, [`AdminAccess`] or [`ClientAccess`], which only a
//! check of credentials makes. The rules themselves are pure functions with a table of named cases each:
//!
//! | Rule | Where |
//! |---|---|
//! | which keys a registration makes | [`key::plan`] |
//! | states of a key set | [`key::rotation`] |
//! | what a renewal may do, generations and reuse | [`session::rule`] |
//! | what claims a client may set, and when tokens expire | [`token::claims`] |
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
mod tries;

pub use access::{AccessError, AdminAccess, ClientAccess, Credentials, Recognised, RegistrationAccess};
pub use client::Client;
pub use client::summary::{ClientSummary, KeySetSummary};
pub use issuer::clients::{
    ClientPage, DeleteError, ListError, MAX_PAGE, RegisterError, Registered, RenewKeysError,
};
pub use issuer::quota::MAX_UNPROVED_REVOCATIONS;
pub use issuer::switch::ClientSwitchError;
pub use issuer::{AdminTokenError, Issuer, IssuerSettings, KeepTimeError, reset_kept_clock};
pub use key::plan::{KeyDefaults, KeyOptions, Maxima, OptionsError};
pub use key::{KeyRing, KeySet};
pub use policy::{RefreshStrategy, TokenPolicy};
pub use token::issue::{IssueError, IssueToken};
pub use token::renew::{RenewError, RenewToken};
pub use token::revoke::{RevokeError, RevokeTarget};
pub use token::verify::{Verification, VerifyError};
pub use token::{ClaimsRefusal, MAX_ACCESS_TOKEN_BYTES, MAX_CLAIMS_BYTES, MintError, TokenSet};

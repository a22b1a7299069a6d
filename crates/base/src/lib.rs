//! What issuer and signer share: time and randomness, identifiers, bearer secrets, the audit trail, the coding of records, and the state of
//! a store that has gone back.
//!
//! Nothing here knows what either does with it, and nothing knows HTTP, SQL or the command line.

pub mod audit;
pub mod bearer;
pub mod client_id;
pub mod env;
pub mod inactive;
pub mod json;
pub mod registration_id;
pub mod rollback;
pub mod session_id;
pub mod sources;
pub mod ttl;

pub use bearer::{BearerSecret, SecretKind};
pub use client_id::{ClientId, InvalidClientId};
pub use env::{Clock, Entropy, Env, NoEntropy, Timestamp};
pub use inactive::Inactive;
pub use registration_id::{InvalidRegistrationId, RegistrationId};
pub use session_id::{InvalidSessionId, SessionId};
pub use ttl::{Ttl, TtlError, parse_duration};

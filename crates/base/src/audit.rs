//! The audit trail: one record and one log line for every act that changes what somebody may do.
//!
//! The record ([`AuditRecord`]) is appended in the commit of the change, so that there is none without the other. The log line, under the
//! target `jwtis::audit`, follows once the commit is done. Both name the client and the session, never a token, a claim or a key. Tokens
//! themselves leave neither: an issuer that records each of them would write more than it signs.

mod event;
mod page;
mod record;
mod retention;

pub use event::{Actor, Audited, Event};
pub use page::{AuditPage, MAX_AUDIT_PAGE, NumberedRecord};
pub use record::{AuditRecord, EVENTS, Fields};
pub use retention::{Retention, Trimmed};

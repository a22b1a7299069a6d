//! A record of the audit trail.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jwtis_store::{DecodeError, Record, Table};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::env::Timestamp;
use crate::json::{decode_json, encode_json};

/// The names of all events, those of a store, a clock and watermarks too.
pub const EVENTS: [&str; 24] = [
    "admin_token_set",
    "audit_record_lost",
    "cleared",
    "client_deleted",
    "client_disabled",
    "client_enabled",
    "client_registered",
    "client_sessions_revoked",
    "clock_reset",
    "key_set_ended",
    "keys_renewed",
    "refresh_token_reused",
    "rollback_accepted",
    "session_revoked",
    "signing_key_added",
    "signing_key_deleted",
    "signing_key_disabled",
    "signing_key_enabled",
    "store_password_changed",
    "store_restored",
    "subject_revoked",
    "watermark_joined",
    "watermark_lowered",
    "watermark_raised",
];

/// What happened, when, and by whom. Its number is its key in the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditRecord {
    at_ms: u64,
    event: Cow<'static, str>,
    by: Cow<'static, str>,
    #[serde(flatten)]
    fields: Fields,
}

/// What else a record says, by name.
pub type Fields = BTreeMap<Cow<'static, str>, Value>;

impl AuditRecord {
    /// A record of what happens at `at`.
    #[must_use]
    pub fn new(at: Timestamp, event: &'static str, by: &'static str) -> Self {
        debug_assert!(EVENTS.contains(&event), "{event} is not in the list of events");
        Self { at_ms: at.millis(), event: Cow::Borrowed(event), by: Cow::Borrowed(by), fields: Fields::new() }
    }

    /// Says more, where there is something to say.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.fields.insert(Cow::Borrowed(name), value.into());
        }
        self
    }

    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at_ms)
    }

    /// What happened.
    #[must_use]
    pub fn event(&self) -> &str {
        &self.event
    }

    /// Who did it.
    #[must_use]
    pub fn by(&self) -> &str {
        &self.by
    }

    /// What else it says.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Writes the log line.
    pub(super) fn log(&self, is_warning: bool) {
        let text = |name| {
            let value = self.fields.get(name)?;
            Some(tracing::field::display(value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        };
        macro_rules! audit {
            ($level:ident) => {
                tracing::$level!(
                    target: "jwtis::audit",
                    event = &*self.event,
                    by = &*self.by,
                    client = text("client"),
                    key = text("key"),
                    signing_kid = text("signing_kid"),
                    session = text("session"),
                    presented_generation = text("presented_generation"),
                )
            };
        }
        if is_warning { audit!(warn) } else { audit!(info) }
    }
}

impl Record for AuditRecord {
    const TABLE: Table = Table { id: 18, name: "audit", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_json(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_json(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote_and_names_of_other_releases_stay() {
        let record = AuditRecord::new(Timestamp::from_millis(5), "client_registered", "admin")
            .with("client", Some("shop"))
            .with("level", Some(7))
            .with("round", None::<u64>);
        let bytes = record.encode();
        assert_eq!(
            std::str::from_utf8(&bytes).unwrap(),
            r#"{"at_ms":5,"event":"client_registered","by":"admin","client":"shop","level":7}"#
        );
        assert_eq!(AuditRecord::decode(&bytes).unwrap(), record);
        let newer = br#"{"at_ms":5,"event":"of_tomorrow","by":"nobody","more":{"a":[1]}}"#;
        assert_eq!(AuditRecord::decode(newer).unwrap().encode().as_slice(), newer);
    }
}

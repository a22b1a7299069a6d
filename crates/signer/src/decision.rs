//! The log of decisions: one event for each request, at target `jwtis::audit`, signed or refused and why. The request's id is
//! that of the surrounding span.
//!
//! What callers send reaches the log escaped and cut. Messages are logged only where the key's `log_payloads` says so, or at level debug.

use std::fmt::Write as _;
use std::sync::Arc;

use jwtis_base::audit::AuditRecord;
use jwtis_base::env::Timestamp;
use jwtis_tezos::{Caller, PublicKeyHash, SignRequest, SigningVersion};

use super::text::{in_one_line, printable};
use super::vaults::Held;
use super::{About, Decided, NotSigned};

/// Characters of a text that others choose, in the log.
const MOST: usize = 400;

/// A request on its way to an answer. If it is dropped before (the caller went away), the log says that, too.
pub(super) struct Decision<'a> {
    /// What is known so far.
    pub(super) about: About,
    /// As text, which the record and the log line share.
    key: String,
    caller: &'a Caller,
    version: Option<SigningVersion>,
    held: Option<Arc<Held>>,
    is_closed: bool,
}

impl<'a> Decision<'a> {
    /// On a request for a signature of this version, or for a proof of possession, which has none.
    pub(super) fn on(key: PublicKeyHash, caller: &'a Caller, version: Option<SigningVersion>) -> Self {
        if let Some(version) = version {
            tracing::debug!("Signing version: {}", version.number());
        }
        let key = key.to_string();
        Self { about: About::default(), key, caller, version, held: None, is_closed: false }
    }

    /// The message has been understood.
    pub(super) fn learn(&mut self, request: &SignRequest) {
        let about = &mut self.about;
        about.kind = Some(request.kind());
        about.chain = request.chain().copied();
        about.level_and_round = request.level_and_round();
        for operation in request.operations() {
            let count = about.operations.entry(operation.kind().name()).or_default();
            *count = count.saturating_add(1);
        }
        if request.operations().is_empty() {
            about.operations.insert(request.kind().name(), 1);
        }
    }

    /// The key has been found.
    pub(super) fn found(&mut self, held: &Arc<Held>) {
        let vault = held.vault.backend.kind();
        self.about.vault = Some(vault);
        self.held = Some(Arc::clone(held));
        tracing::debug!(key = self.key, request = self.kind(), vault, "Requesting signing operation");
    }

    /// The record that is durable before the key is used. Whether a signature left then, the log line tells.
    pub(super) fn cleared(&self, digest: &[u8; 32], at: Timestamp) -> AuditRecord {
        let (user, client_key) = self.named_caller();
        let by = match self.caller {
            Caller::Anonymous => "anybody",
            Caller::Client(_) => "client_key",
            Caller::User(_) => "user",
        };
        let (level, round) = self.about.level_and_round.unzip();
        AuditRecord::new(at, "cleared", by)
            .with("key", Some(self.key.as_str()))
            .with("user", user)
            .with("client_key", client_key)
            .with("kind", Some(self.kind()))
            .with("chain", self.about.chain.map(|chain| chain.to_string()))
            .with("level", level)
            .with("round", round)
            .with("digest", Some(hex(digest)))
    }

    /// The user, or the key of the client.
    fn named_caller(&self) -> (Option<String>, Option<String>) {
        match self.caller {
            Caller::Anonymous => (None, None),
            Caller::Client(key) => (None, Some(key.to_string())),
            Caller::User(user) => (Some(printable(&user.name, MOST)), None),
        }
    }

    /// Writes the event and hands the answer on.
    pub(super) fn close<T>(mut self, outcome: Result<T, NotSigned>) -> Decided<T> {
        self.is_closed = true;
        match &outcome {
            Ok(_) => {
                let granted = if self.version.is_some() { "signed" } else { "proved" };
                self.log(granted, "allowed", None);
                tracing::debug!(key = self.key, "Signed {} successfully", self.kind());
            }
            Err(error) => {
                let detail = match error {
                    NotSigned::Decode(error) => error.detail(),
                    error => in_one_line(error),
                };
                self.log("refused", "refused", Some((error.code(), &printable(&detail, MOST))));
            }
        }
        Decided { outcome, about: std::mem::take(&mut self.about) }
    }

    fn log(&self, event: &'static str, verdict: &'static str, why: Option<(&'static str, &str)>) {
        let (user, client_key) = self.named_caller();
        let about = &self.about;
        let mut ops = String::new();
        for (kind, count) in &about.operations {
            let space = if ops.is_empty() { "" } else { " " };
            // Writing to a String does not fail.
            let _ = write!(ops, "{space}{kind}={count}");
        }
        let (level, round) = about.level_and_round.unzip();
        let (reason, detail) = why.unzip();
        macro_rules! audit {
            ($level:ident) => {
                tracing::$level!(
                    target: "jwtis::audit",
                    event,
                    verdict,
                    key = self.key,
                    user,
                    client_key,
                    kind = self.kind(),
                    ops = (!ops.is_empty()).then_some(&*ops),
                    chain = about.chain.map(tracing::field::display),
                    lvl = level,
                    round,
                    reason,
                    detail,
                    would_refuse = about.observed.as_ref().map(tracing::field::display),
                    vault = about.vault,
                    vault_name = self.held.as_ref().map(|held| &*held.vault.name),
                    version = self.version.map(SigningVersion::number),
                )
            };
        }
        if verdict == "allowed" && about.observed.is_none() { audit!(info) } else { audit!(warn) }
    }

    fn kind(&self) -> &'static str {
        match self.about.kind {
            Some(kind) => kind.name(),
            None if self.version.is_none() => "proof_of_possession",
            None => "unknown",
        }
    }
}

impl Drop for Decision<'_> {
    fn drop(&mut self) {
        if !self.is_closed {
            let detail = "the caller went away, or waited too long, before there was an answer";
            self.log("abandoned", "none", Some(("abandoned", detail)));
        }
    }
}

/// Writes the message itself: at level info where the operator wants to see it, else at level debug.
pub(super) fn log_payload(key: &PublicKeyHash, message: &[u8], wanted: bool) {
    if wanted {
        tracing::info!(target: "jwtis::audit", event = "payload", %key, raw = hex(message), "About to sign raw bytes");
    } else if tracing::enabled!(tracing::Level::DEBUG) {
        tracing::debug!(%key, raw = hex(message), "About to sign raw bytes");
    }
}

fn hex(bytes: &[u8]) -> String {
    hex_simd::encode_to_string(bytes, hex_simd::AsciiCase::Lower)
}

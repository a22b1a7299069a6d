//! The log of decisions (§8.2): one event for each request, at target `jwtis::audit`, signed or refused and why. The request's id is
//! that of the surrounding span.
//!
//! What callers send reaches the log with its control characters escaped, and cut to a length. Messages are logged only where the key's
//! `log_payloads` says so, or at level debug.

use jwtis_base::audit::AuditRecord;
use jwtis_base::env::Timestamp;
use jwtis_tezos::{Caller, PublicKeyHash, SignRequest, SigningVersion};

use super::text::in_one_line;
use super::vault::Vault;
use super::{About, Decided, SignError};

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
    vault_name: Option<String>,
    closed: bool,
}

impl<'a> Decision<'a> {
    /// On a request for a signature of this version, or for a proof of possession, which has none.
    pub(super) fn on(key: PublicKeyHash, caller: &'a Caller, version: Option<SigningVersion>) -> Self {
        if let Some(version) = version {
            tracing::debug!("Signing version: {}", version.number());
        }
        let key = key.to_string();
        Self { about: About::default(), key, caller, version, vault_name: None, closed: false }
    }

    /// The message has been understood.
    pub(super) fn learn(&mut self, request: &SignRequest) {
        let about = &mut self.about;
        about.kind = Some(request.kind());
        about.chain = request.chain().copied();
        about.level_and_round = request.level_and_round();
        for operation in request.operations() {
            let count = about.operations.entry(operation.kind().name().to_owned()).or_default();
            *count = count.saturating_add(1);
        }
        if request.operations().is_empty() {
            about.operations.insert(request.kind().name().to_owned(), 1);
        }
    }

    /// The key has been found.
    pub(super) fn found(&mut self, vault: &Vault) {
        self.about.vault = Some(vault.backend.kind().to_owned());
        self.vault_name = Some(vault.name.clone());
        tracing::debug!(key = %self.key, request = self.kind(), vault = self.about.vault, "Requesting signing operation");
    }

    /// The record that is durable before the key is used. Whether a signature left then, the log line tells.
    pub(super) fn cleared(&self, request: &SignRequest, at: Timestamp) -> AuditRecord {
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
            .with("digest", Some(hex(&request.digest())))
    }

    /// The user, or the key of the client.
    fn named_caller(&self) -> (Option<String>, Option<String>) {
        match self.caller {
            Caller::Anonymous => (None, None),
            Caller::Client(key) => (None, Some(key.to_string())),
            Caller::User(user) => (Some(printable(&user.name)), None),
        }
    }

    /// Writes the event and hands the answer on.
    pub(super) fn close<T>(mut self, outcome: Result<T, SignError>) -> Decided<T> {
        self.closed = true;
        match &outcome {
            Ok(_) => {
                let granted = if self.version.is_some() { "signed" } else { "proved" };
                self.record(granted, "allowed", None);
                tracing::debug!(key = %self.key, "Signed {} successfully", self.kind());
            }
            Err(error) => self.record("refused", "refused", Some((error.code(), detail(error)))),
        }
        Decided { outcome, about: std::mem::take(&mut self.about) }
    }

    fn record(&self, event: &'static str, verdict: &'static str, why: Option<(&'static str, String)>) {
        let (user, client_key) = self.named_caller();
        let about = &self.about;
        let ops: Vec<String> =
            about.operations.iter().map(|(kind, count)| format!("{kind}={count}")).collect();
        let ops = (!ops.is_empty()).then(|| ops.join(" "));
        let chain = about.chain.map(|chain| chain.to_string());
        let (level, round) = about.level_and_round.unzip();
        let (reason, detail) = why.unzip();
        let would_refuse = about.observed.as_ref().map(ToString::to_string);
        macro_rules! audit {
            ($level:ident) => {
                tracing::$level!(
                    target: "jwtis::audit",
                    event,
                    verdict,
                    key = %self.key,
                    user,
                    client_key,
                    kind = self.kind(),
                    ops,
                    chain,
                    lvl = level,
                    round,
                    reason,
                    detail,
                    would_refuse,
                    vault = about.vault,
                    vault_name = self.vault_name,
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
        if !self.closed {
            let detail = "the caller went away, or waited too long, before there was an answer".to_owned();
            self.record("abandoned", "none", Some(("abandoned", detail)));
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

/// The refusal with everything that stands behind it.
fn detail(error: &SignError) -> String {
    match error {
        SignError::Decode(error) => printable(&error.detail()),
        error => printable(&in_one_line(error)),
    }
}

/// A text that others chose, fit for a log that is read in a terminal.
fn printable(text: &str) -> String {
    let mut fit = String::with_capacity(text.len().min(MOST));
    for (index, character) in text.chars().enumerate() {
        match character {
            _ if index == MOST => {
                fit.push('…');
                break;
            }
            '\'' | '"' | '\\' => fit.push(character),
            _ => fit.extend(character.escape_debug()),
        }
    }
    fit
}

fn hex(bytes: &[u8]) -> String {
    hex_simd::encode_to_string(bytes, hex_simd::AsciiCase::Lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_are_fit_for_a_terminal() {
        for (name, text, wanted) in [
            (
                "a_plain_one_stays",
                "user `o'hara' is \"not\" allowed \\ ä",
                "user `o'hara' is \"not\" allowed \\ ä",
            ),
            ("a_line_feed", "a\nlevel=error", "a\\nlevel=error"),
            ("an_escape_sequence", "\u{1b}[31mred", "\\u{1b}[31mred"),
            ("text_turned_around", "\u{202e}abc", "\\u{202e}abc"),
        ] {
            assert_eq!(printable(text), wanted, "{name}");
        }
        assert_eq!(printable(&"x".repeat(5000)).chars().count(), MOST + 1);
    }
}

//! Signatory's sections of the file, read into [`SignerConfig`] (§3).
//!
//! Whatever is wrong is found in one pass, each with its line. Words that Signatory ignores are warnings, so that its files work
//! unchanged; what it would refuse is refused.

mod hook;
mod keys;
mod kinds;
pub(super) mod reading;
mod server;
mod vaults;
mod watermark;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::str::FromStr;

pub(crate) use kinds::permission_hint;

use super::environment::Environment;
use super::setting::{self, Setting};
use super::signer::{GuardConfig, RulesConfig, SignerConfig};
use super::value::{Fault, Values, origin};
use super::yaml::{Entry, Mark, Node, Value};
use super::{ListenAddress, TlsFiles};
use reading::{Findings, Reading};

/// Permissions of somebody else than the owner to read.
const SOMEBODY_READS: u32 = 0o044;
/// Largest limit for bodies, in bytes.
const MOST_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The signer that the file at `path` asks for, if it does, and what was found on the way.
pub(super) fn read(
    path: &Path,
    sections: &[Entry],
    values: &Values,
    environment: Environment<'_>,
) -> (Option<SignerConfig>, Findings) {
    let mut reading = Reading::new(path, environment);
    let nothing = Node { mark: Mark { line: 1, column: 1 }, value: Value::Null };
    let find = |name: &str| sections.iter().find(|section| section.key == name);
    let section = |name: &str| find(name).map_or(&nothing, |section| &section.value);

    let strict_vaults = values.switch(&setting::STRICT_VAULTS, &mut reading.found.faults);
    // Where the issuer is switched off, nobody can register. Both switches are judged where the issuer is read.
    let on = |setting| values.switch(setting, &mut Vec::new());
    let open_registration = on(&setting::OPEN_REGISTRATION) && on(&setting::ENABLED);
    let guard = server::guard(&mut reading, section("server"), open_registration);
    let vaults = vaults::vaults(&mut reading, section("vaults"), strict_vaults);
    let (watermark, jumps) = watermark::watermark(&mut reading, section("watermark"));
    let hook = hook::hook(&mut reading, find("policy_hook"));
    let keys = keys::keys(&mut reading, section("tezos"), &guard);
    warn_of_readers(path, &mut reading);

    let mut found = reading.found;
    let faults = &mut found.faults;
    let listen = values.parse::<ListenAddress>(&setting::SIGNER_ADDRESS, faults);
    let tls = tls(values, faults);
    let max_body_bytes = values.parse::<BodyBytes>(&setting::MAX_BODY_BYTES, faults);
    let base_dir = values.path(&setting::BASE_DIR);
    let rules = RulesConfig {
        guard,
        keys,
        hook,
        restrict_public_keys: given_switch(values, &setting::RESTRICT_PUBLIC_KEYS, faults),
        known_keys: values.switch(&setting::KNOWN_KEYS, faults),
        jumps,
    };
    let new_watermarks = values.switch(&setting::NEW_WATERMARKS, faults);
    let watch_config = values.switch(&setting::WATCH_CONFIG, faults);

    let wanted = find("tezos").is_some();
    if let Some(vaults) = find("vaults").filter(|_| !wanted) {
        let place = super::file::position(path, vaults.mark);
        let notice = Fault::new(place, "there is no `tezos:` section, so the signer is not started");
        found.notices.push(notice);
    }
    let (Some(listen), Some(max_body_bytes), Some(base_dir)) = (listen, max_body_bytes, base_dir) else {
        return (None, found);
    };
    let signer = SignerConfig {
        listen,
        tls,
        max_body_bytes: max_body_bytes.0,
        rules,
        vaults,
        strict_vaults,
        watermark,
        new_watermarks,
        base_dir,
        watch_config,
    };
    if wanted {
        found.advice.extend(exposure(&signer, values));
    }
    (wanted.then_some(signer), found)
}

/// A switch; `None` where nobody gave it.
fn given_switch(values: &Values, setting: &Setting, faults: &mut Vec<Fault>) -> Option<bool> {
    let on = values.switch(setting, faults);
    values.is_given(setting).then_some(on)
}

/// What other machines can do that reach the listener.
fn exposure(signer: &SignerConfig, values: &Values) -> Option<Fault> {
    if signer.listen.is_loopback() {
        return None;
    }
    let at = origin(&setting::SIGNER_ADDRESS, &values.source(&setting::SIGNER_ADDRESS));
    match &signer.rules.guard {
        GuardConfig::Open => {
            let open = signer.rules.keys.values().filter(|rules| rules.policy.serves_anybody()).count();
            let message = format!(
                "{} is reachable from other machines, and whoever reaches it may sign with {open} key(s)",
                signer.listen
            );
            let hint = "add server.jwt or server.authorized_keys, or listen on 127.0.0.1";
            (open > 0).then(|| Fault::new(at, message).hint(hint))
        }
        GuardConfig::Tokens { .. } if signer.tls.is_none() => Some(
            Fault::new(
                at,
                format!(
                    "{} is reachable from other machines, and passwords and tokens travel there in clear",
                    signer.listen
                ),
            )
            .hint(
                "give server.tls_cert_file and server.tls_key_file, or put a proxy that speaks TLS before it",
            ),
        ),
        GuardConfig::Keys(_) | GuardConfig::Tokens { .. } => None,
    }
}

fn warn_of_readers(path: &Path, reading: &mut Reading<'_>) {
    let readable = || fs::metadata(path).is_ok_and(|file| file.permissions().mode() & SOMEBODY_READS != 0);
    if reading.holds_secrets && readable() {
        let advice = Fault::new(
            path.display(),
            "other users of this machine can read this file, and it holds secrets",
        )
        .hint("chmod it to 600, or move the secrets to files of their own");
        reading.found.advice.push(advice);
    }
}

fn tls(values: &Values, faults: &mut Vec<Fault>) -> Option<TlsFiles> {
    let (cert, key) = (&setting::SIGNER_CERT_FILE, &setting::SIGNER_KEY_FILE);
    match (values.path(cert), values.path(key)) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
        (None, None) => None,
        (given, _) => {
            let (given, missing) = if given.is_some() { (cert, key) } else { (key, cert) };
            let at = origin(given, &values.source(given));
            faults.push(Fault::new(at, format!("TLS needs {} too", missing.name)));
            None
        }
    }
}

/// A limit in bytes.
struct BodyBytes(usize);

impl FromStr for BodyBytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = text.parse().ok().filter(|bytes| (1..=MOST_BODY_BYTES).contains(bytes));
        bytes.map(Self).ok_or_else(|| format!("write a number of bytes from 1 to {MOST_BODY_BYTES}"))
    }
}

#[cfg(test)]
mod tests;

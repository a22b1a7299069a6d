//! Signatory's sections of the file, judged and turned into [`SignerConfig`].
//!
//! Whatever is wrong is found in one pass, each with its line. Words that Signatory ignores are warnings, so that its files work
//! unchanged; what it would refuse is refused.

mod hook;
mod keys;
mod kinds;
mod server;
mod vaults;
mod watermark;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

pub(crate) use kinds::permission_hint;

use super::address::TlsFiles;
use super::fault::ConfigFault;
use super::model::Model;
use super::reading::FileReading;
use super::schema;
use super::signer::{GuardConfig, RulesConfig, SignerConfig};

/// Permissions of somebody else than the owner to read.
const SOMEBODY_READS: u32 = 0o044;

/// The signer that the file asks for, if it does.
pub(super) fn signer(reading: &FileReading<'_>, model: &Model) -> Option<SignerConfig> {
    let strict_vaults = reading.is_on(&model.strict_vaults);
    // Where the issuer is switched off, nobody can register.
    let open_registration =
        reading.is_on(&model.issuer.open_registration) && reading.is_on(&model.issuer.enabled);
    let guard = server::guard(reading, &model.server, open_registration);
    let vaults = vaults::vaults(reading, &model.vaults, strict_vaults);
    let (watermark, jumps) = watermark::watermark(reading, &model.watermark);
    let hook = hook::hook(reading, &model.policy_hook);
    let keys = keys::keys(reading, &model.tezos, &guard);
    warn_of_readers(reading);

    let server = &model.server;
    let tls = tls(reading, model);
    let restricts = schema::setting("server.restrict_public_keys").filter(|row| reading.layers.is_given(row));
    let rules = RulesConfig {
        guard,
        keys,
        hook,
        restrict_public_keys: restricts.map(|_| reading.is_on(&server.restrict_public_keys)),
        known_keys: reading.is_on(&server.known_keys),
        jumps,
    };
    let listen = reading.get(&server.address);
    let max_body_bytes = reading.get(&server.max_body_bytes);
    let new_watermarks = reading.is_on(&model.watermark.new);
    let watch_config = reading.is_on(&model.watch_config);
    let base_dir = reading.get(&model.base_dir);
    if model.tezos.at.is_none() {
        if let Some(at) = model.vaults.at {
            reading.notice(at.key(), "there is no `tezos:` section, so the signer is not started");
        }
        return None;
    }
    let signer = SignerConfig {
        listen: listen?,
        tls,
        max_body_bytes: max_body_bytes?.0,
        rules,
        vaults,
        strict_vaults,
        watermark,
        new_watermarks,
        base_dir: base_dir?,
        watch_config,
    };
    advise_of_exposure(reading, model, &signer);
    Some(signer)
}

/// What other machines can do that reach the listener.
fn advise_of_exposure(reading: &FileReading<'_>, model: &Model, signer: &SignerConfig) {
    if signer.listen.is_loopback() {
        return;
    }
    let listen = signer.listen;
    match &signer.rules.guard {
        GuardConfig::Open => {
            let open = signer.rules.keys.values().filter(|rules| rules.policy.serves_anybody()).count();
            if open > 0 {
                let message = format!(
                    "{listen} is reachable from other machines, and whoever reaches it may sign with {open} key(s); add server.jwt or server.authorized_keys, or listen on 127.0.0.1"
                );
                reading.advice(model.server.address.at, message);
            }
        }
        GuardConfig::Tokens { .. } if signer.tls.is_none() => {
            let message = format!(
                "{listen} is reachable from other machines, and passwords and tokens travel there in clear; give server.tls_cert_file and server.tls_key_file, or put a proxy that speaks TLS before it"
            );
            reading.advice(model.server.address.at, message);
        }
        GuardConfig::Keys(_) | GuardConfig::Tokens { .. } => {}
    }
}

fn warn_of_readers(reading: &FileReading<'_>) {
    let file = &reading.layers.file;
    let readable = || fs::metadata(file).is_ok_and(|file| file.permissions().mode() & SOMEBODY_READS != 0);
    if reading.holds_secrets.get() && readable() {
        let message = "other users of this machine can read this file, and it holds secrets; chmod it to 600, or move the secrets to files of their own";
        reading.advise(ConfigFault::new(file.display(), message));
    }
}

fn tls(reading: &FileReading<'_>, model: &Model) -> Option<TlsFiles> {
    let (cert, key) = (&model.server.tls_cert_file, &model.server.tls_key_file);
    match (reading.get(cert), reading.get(key)) {
        (Some(cert), Some(key)) => return Some(TlsFiles { cert, key }),
        (None, None) => {}
        (Some(_), None) => reading.fault(cert.at, "TLS needs server.tls_key_file too"),
        (None, Some(_)) => reading.fault(key.at, "TLS needs server.tls_cert_file too"),
    }
    None
}

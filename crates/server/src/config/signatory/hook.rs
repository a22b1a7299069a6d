//! `policy_hook:`: who else is asked.

use std::time::Duration;

use axum::http::Uri;
use jwtis_base::Ttl;

use super::super::placed::Placed;
use super::super::reading::FileReading;
use super::super::sections::HookSection;
use super::super::signer::HookConfig;
use crate::http::Limits;

/// How long the hook may take where the file does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The hook, where there is the section. A section without an address is a fault: somebody was to be asked.
pub(super) fn hook(reading: &FileReading<'_>, section: &Placed<HookSection>) -> Option<HookConfig> {
    let at = section.at?;
    let HookSection { address, authorized_keys, timeout } = reading.section(section).unwrap_or_default();
    let limit = Limits::default().request_timeout;
    let after = reading.get(&timeout).map_or(DEFAULT_TIMEOUT, Ttl::as_duration);
    if after >= limit {
        let message = format!("timeout: requests are given up after {limit:?}, and the hook must be quicker");
        reading.fault(timeout.at, message);
    }
    let authorized_keys = authorized_keys.at.map(|at| {
        let before = reading.faults();
        let keys = reading.flat(&authorized_keys);
        if keys.is_empty() && reading.faults() == before {
            let message = "policy_hook.authorized_keys lists no key, so no reply counts and nobody can sign";
            reading.warning(at.key(), message);
        }
        keys
    });
    let url = reading.get(&address);
    let place = if url.is_some() { address.at } else { Some(at.key()) };
    let url = url.unwrap_or_default();
    if url.is_empty() {
        let message = "policy_hook has no address, so nobody would be asked; give policy_hook.address, or leave the section out";
        reading.fault(place, message);
        return None;
    }
    let is_whole = url.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if !is_whole {
        let message = "policy_hook.address must be a whole URL; write it like http://127.0.0.1:8080/, with http or https";
        reading.fault(address.at, message);
        return None;
    }
    Some(HookConfig { url, authorized_keys, timeout: after })
}

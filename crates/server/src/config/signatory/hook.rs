//! `policy_hook:`: who else is asked (§4.7).

use std::time::Duration;

use axum::http::Uri;
use jwtis_base::Ttl;
use jwtis_tezos::PublicKey;

use super::super::signer::HookConfig;
use super::super::yaml::Entry;
use super::reading::Reading;
use crate::http::Limits;

/// How long the hook may take where the file does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The hook, where there is the section. A section without an address is a fault: somebody was to be asked.
pub(super) fn hook(reading: &mut Reading<'_>, section: Option<&Entry>) -> Option<HookConfig> {
    let section = section?;
    let fields = reading.fields("policy_hook", &section.value);
    let authorized_keys = fields.given("authorized_keys").map(|entry| keys(reading, entry));
    let timeout = match fields.value("timeout") {
        Some(node) => {
            let timeout = reading.parse::<Ttl>("timeout", node).map(Ttl::as_duration);
            let limit = Limits::default().request_timeout;
            if timeout.is_some_and(|timeout| timeout >= limit) {
                let message =
                    format!("timeout: requests are given up after {limit:?}, and the hook must be quicker");
                reading.fault(node.mark, message);
            }
            timeout
        }
        None => Some(DEFAULT_TIMEOUT),
    };
    let address = match fields.value("address") {
        Some(node) => (node.mark, reading.text("address", node)?.to_string()),
        None => (section.mark, String::new()),
    };
    let (mark, url) = address;
    if url.is_empty() {
        let hint = "give policy_hook.address, or leave the section out";
        reading.fault_with_hint(mark, "policy_hook has no address, so nobody would be asked", hint);
        return None;
    }
    let is_whole = url.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if !is_whole {
        reading.fault_with_hint(
            mark,
            "policy_hook.address must be a whole URL",
            "write it like http://127.0.0.1:8080/, with http or https",
        );
        return None;
    }
    Some(HookConfig { url, authorized_keys, timeout: timeout? })
}

/// Who signs its replies.
fn keys(reading: &mut Reading<'_>, entry: &Entry) -> Vec<PublicKey> {
    let before = reading.found.faults.len();
    let keys = reading.flat_members("authorized_keys", entry);
    if keys.is_empty() && reading.found.faults.len() == before {
        let message = "policy_hook.authorized_keys lists no key, so no reply counts and nobody can sign";
        reading.warning(entry.mark, message);
    }
    keys
}

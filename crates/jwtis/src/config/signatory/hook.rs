//! `policy_hook:`: who else is asked (§4.7).

use std::time::Duration;

use axum::http::Uri;
use jwtis_core::Ttl;

use super::super::signer::HookConfig;
use super::super::yaml::Node;
use super::reading::Reading;
use crate::http::Limits;

/// How long the hook may take where the file does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The hook, where the section has an address.
pub(super) fn hook(reading: &mut Reading<'_>, node: &Node) -> Option<HookConfig> {
    let fields = reading.fields("policy_hook", node);
    let authorized_keys = fields.value("authorized_keys").map(|node| reading.flat("authorized_keys", node));
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
        None => (fields.mark, String::new()),
    };
    let (mark, url) = address;
    if url.is_empty() {
        if authorized_keys.is_some() || fields.value("timeout").is_some() {
            reading.warning(mark, "policy_hook has no address, so nobody is asked");
        }
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

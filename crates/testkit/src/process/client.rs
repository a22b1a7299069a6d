//! A client that asks over loopback, past every proxy.

use std::time::Duration;

use serde_json::Value;

/// Longest that a test waits for something that should happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps its connections; takes every status for an answer.
pub fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    config.timeout_global(Some(PATIENCE)).build().new_agent()
}

/// POST of a JSON body with a bearer token: status and answer. An error is a connection without an answer.
pub fn post(url: &str, token: &str, body: &Value) -> Result<(u16, Value), ureq::Error> {
    let request = agent().post(url).header("Authorization", format!("Bearer {token}"));
    let (status, text) = answer(request.content_type("application/json").send(body.to_string())?)?;
    Ok((status, serde_json::from_str(&text).unwrap_or_default()))
}

/// GET: status and text.
pub fn get(url: &str) -> (u16, String) {
    answer(agent().get(url).call().unwrap()).unwrap()
}

/// Status and text. A signature counts when it has been read.
pub fn answer(mut response: ureq::http::Response<ureq::Body>) -> Result<(u16, String), ureq::Error> {
    Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
}

/// Looks again and again until `happened`; fails when it does not within half a minute.
#[track_caller]
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let looks = (0..10_000).any(|_| {
        let now = happened();
        if !now {
            std::thread::park_timeout(PATIENCE / 10_000);
        }
        now
    });
    assert!(looks, "{what} did not happen");
}

//! Keeps the audit trails as short as the settings say, in small steps: that of the store, and that of a file of watermarks.

use std::time::Duration;

use jwtis_base::Env;
use jwtis_base::audit::Retention;
use jwtis_issuer::Issuer;
use jwtis_issuer::clock::ClockWatch;
use jwtis_signer::Signer;
use jwtis_store::Store;
use tracing::{debug, warn};

/// Pause between two steps that delete something.
const STEP_PAUSE: Duration = Duration::from_millis(20);
/// Pause between two passes.
const PASS_PAUSE: Duration = Duration::from_secs(60);

/// Deletes records that are too old or too many. Never ends.
///
/// After a jump of the clock age is no reason for a while, as for sessions. Without an issuer there is no time that the store keeps, so the
/// first hours of a run count as such a while.
pub(super) async fn keep(
    store: Option<&Store>,
    issuer: Option<&Issuer>,
    signer: Option<&Signer>,
    env: &Env,
    retention: Retention,
) {
    let mut watch = ClockWatch::begin(None, env.now(), env.steady());
    let trails: Vec<&Store> = store.into_iter().chain(signer.and_then(Signer::own_trail)).collect();
    loop {
        watch.look(env.now(), env.steady());
        let may_age = issuer.map_or_else(|| watch.may_delete(env.steady()), Issuer::may_delete);
        let now = may_age.then(|| env.now());
        let mut more = false;
        for trail in &trails {
            match retention.trim(trail, now).await {
                Ok(trimmed) => {
                    if trimmed.deleted > 0 {
                        debug!(audit_records = trimmed.deleted, "housekeeping");
                    }
                    more |= trimmed.more;
                }
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "old audit records are not deleted now");
                }
            }
        }
        tokio::time::sleep(if more { STEP_PAUSE } else { PASS_PAUSE }).await;
    }
}

//! Housekeeping while the server runs: small steps, with pauses in between, so that requests go first.

use std::time::Duration;

use jwtis_issuer::Issuer;
use jwtis_issuer::housekeeping::HousekeepingCursor;
use tracing::{debug, warn};

use crate::metrics::{KeySets, Metrics};

/// Pause between two steps of a pass.
const STEP_PAUSE: Duration = Duration::from_millis(20);
/// Pause between two passes.
const PASS_PAUSE: Duration = Duration::from_secs(60);

/// Drops expired records and retired key sets, a few at a time, and counts key sets at the end of each pass. Never ends.
pub(super) async fn keep(issuer: &Issuer, metrics: &Metrics) {
    let mut cursor = HousekeepingCursor::default();
    let mut first_pass = true;
    loop {
        let pause = match issuer.housekeeping_step(cursor).await {
            Ok((next, report)) => {
                cursor = next;
                if report.expired_records_deleted > 0 || report.retired_key_sets_dropped > 0 {
                    debug!(
                        expired_records = report.expired_records_deleted,
                        retired_key_sets = report.retired_key_sets_dropped,
                        "housekeeping"
                    );
                }
                match report.pass_complete {
                    Some(census) => {
                        if std::mem::take(&mut first_pass) && census.switched_off > 0 {
                            warn!(
                                clients = census.switched_off,
                                "the keys of clients are RSA1_5, which is switched off: these clients issue and renew nothing until `jwtis client renew-keys KID`"
                            );
                        }
                        metrics.key_sets(KeySets {
                            active: census.active,
                            retiring: census.retiring,
                            expired: census.expired,
                        });
                        PASS_PAUSE
                    }
                    None => STEP_PAUSE,
                }
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "housekeeping failed; it starts again later");
                cursor = HousekeepingCursor::default();
                PASS_PAUSE
            }
        };
        tokio::time::sleep(pause).await;
    }
}

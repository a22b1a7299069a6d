//! `soak`: load for a long time.

use std::path::PathBuf;
use std::time::Duration;

use crate::Fault;

/// Runs for `time`.
pub(crate) fn run(_binary: Option<PathBuf>, _time: Duration) -> Result<(), Fault> {
    Err("not yet".into())
}

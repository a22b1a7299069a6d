//! Lines on standard output, and the one error of the instrument.

use std::io::{self, Write as _};

/// What can go wrong; the run ends there.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Prints a line.
pub(crate) fn say(line: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

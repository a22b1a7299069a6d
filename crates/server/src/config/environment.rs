//! The environment of the process.

use std::ffi::OsString;

/// The environment, as a parameter: tests bring their own.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

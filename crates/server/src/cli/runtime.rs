//! The threads of the program.

use std::io;
use std::panic::{self, AssertUnwindSafe, catch_unwind};

use jwtis_base::Timestamp;

use super::failure::{CliOutcome, Failure};

pub(crate) fn no_signals(error: &io::Error) -> Failure {
    Failure::refused("no handler for signals").because(error)
}

/// The server's runtime.
///
/// # Errors
/// When the operating system gives no threads.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    threads(|| tokio::runtime::Builder::new_multi_thread().enable_all().build())
}

/// What `build` makes. tokio panics where the system gives it no thread.
fn threads<T>(build: impl FnOnce() -> io::Result<T>) -> Result<T, Failure> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let built = catch_unwind(AssertUnwindSafe(build));
    panic::set_hook(hook);
    match built {
        Ok(built) => built.map_err(|error| no_threads(&error)),
        Err(panic) => {
            let reason = panic.downcast_ref::<String>().map(String::as_str);
            let reason =
                reason.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            Err(no_threads(&io::Error::other(reason)))
        }
    }
}

/// That HTTP has a date for the clock's time: its header `Date` has years from 1970 to 9999 (RFC 9110 §5.6.7).
///
/// # Errors
/// With a hint where it has none.
pub(crate) fn check_clock(now: Timestamp) -> CliOutcome {
    if (1..253_402_300_800).contains(&now.seconds()) {
        return Ok(());
    }
    Err(Failure::refused("the clock of this machine is before 1970 or after the year 9999")
        .hint("set it (`timedatectl`, or start NTP), and start again"))
}

pub(crate) fn no_threads(error: &io::Error) -> Failure {
    Failure::refused("the system gives the server no threads").because(error).hint(
        "raise the limit of processes (`ulimit -u`, systemd's TasksMax, the pids limit of a container) or give it more memory",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_for_which_http_has_no_date_is_refused() {
        for (seconds, usable) in [(0, false), (1, true), (253_402_300_799, true), (253_402_300_800, false)] {
            assert_eq!(check_clock(Timestamp::from_seconds(seconds)).is_ok(), usable, "{seconds}");
        }
    }

    #[test]
    fn a_system_without_threads_gets_an_error_and_no_panic() {
        let built = threads::<()>(|| panic!("OS can't spawn worker thread: {}", io::ErrorKind::WouldBlock));
        let failure = format!("{:?}", built.unwrap_err());
        assert!(failure.contains("the system gives the server no threads"), "{failure}");
    }
}
